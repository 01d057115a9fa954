/// The object of `namespace()`.
final class Namespace: TemplateObject, @unchecked Sendable {
  var values: TemplateDictionary

  init(_ values: TemplateDictionary) { self.values = values }

  override var typeName: String { "Namespace" }
  override var printed: String { "<Namespace \(TemplateValue.dictionary(values).representation.string)>" }

  override func attribute(_ name: String) -> TemplateValue? { values[text: name] }

  /// Throws `.security` for a name the chat renderer keeps for itself.
  static func check(_ name: String) throws {
    guard name.hasPrefix("_") else { return }
    throw TemplateError(
      .security, "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '\(name)'.")
  }
}

/// A built-in function or a method bound to its value.
final class NativeFunction: TemplateObject, @unchecked Sendable {
  typealias Body = (CallArguments, Interpreter) throws -> TemplateValue

  let name: String
  private let boundDepth: Int32
  private let body: Body

  /// A function that holds values nesting to `depth`.
  init(_ name: String, depth: Int32 = 0, _ body: @escaping Body) {
    self.name = name
    boundDepth = depth
    self.body = body
  }

  override var typeName: String { "function \(name)" }
  override var isCallable: Bool { true }
  override var depth: Int32 { boundDepth }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    try body(arguments, interpreter)
  }
}

/// Items that can be walked once, made when the walk begins.
final class IteratorObject: TemplateObject, @unchecked Sendable {
  private let sourceDepth: Int32
  private var produce: (() throws -> [TemplateValue])?
  private var rest: ArraySlice<TemplateValue> = []

  init(depth: Int32, _ produce: @escaping () throws -> [TemplateValue]) {
    sourceDepth = depth
    self.produce = produce
  }

  override var typeName: String { "generator" }
  override var depth: Int32 { sourceDepth }

  /// The items that are left.
  func takeAll(_ interpreter: Interpreter) throws -> [TemplateValue] {
    try begin(interpreter)
    defer { rest = [] }
    return Array(rest)
  }

  /// The next item, nil at the end.
  func next(_ interpreter: Interpreter) throws -> TemplateValue? {
    try begin(interpreter)
    return rest.popFirst()
  }

  private func begin(_ interpreter: Interpreter) throws {
    guard let produce else { return }
    self.produce = nil
    rest = try interpreter.nested { try produce() }[...]
  }
}

/// The object of `joiner()`: empty at its first call, the separator after.
final class Joiner: TemplateObject, @unchecked Sendable {
  private let separator: TemplateValue
  private var isUsed = false

  init(_ separator: TemplateValue) { self.separator = separator }

  override var typeName: String { "Joiner" }
  override var isCallable: Bool { true }
  override var depth: Int32 { separator.depth + 1 }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    defer { isUsed = true }
    return isUsed ? separator : .string("")
  }
}

/// The object of `cycler()`.
final class Cycler: TemplateObject, @unchecked Sendable {
  private let items: TemplateList
  private var position = 0

  init(_ items: [TemplateValue]) { self.items = TemplateList(items) }

  override var typeName: String { "Cycler" }
  override var depth: Int32 { items.depth + 1 }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "current": items.items[position]
    case "items": .list(TemplateList(items.items, .tuple))
    case "pos": .int(position)
    case "next":
      .object(
        NativeFunction("next", depth: depth + 1) { [self] _, _ in
          defer { position = (position + 1) % items.items.count }
          return items.items[position]
        })
    case "reset":
      .object(
        NativeFunction("reset", depth: depth + 1) { [self] _, _ in
          position = 0
          return .none
        })
    default: nil
    }
  }
}
