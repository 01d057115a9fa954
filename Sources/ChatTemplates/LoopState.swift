/// The `loop` variable.
final class LoopState: TemplateObject, @unchecked Sendable {
  var index = 0
  private let items: [TemplateValue]
  private let level: Int
  private let loop: ForLoop
  /// The scope around the loop, which a recursive loop runs in again.
  private let scope: Scope?
  /// The values `changed` saw last; dropped at the end of the render.
  var lastChanged: [TemplateValue]?

  init(_ items: [TemplateValue], level: Int, loop: ForLoop, scope: Scope) {
    self.items = items
    self.level = level
    self.loop = loop
    self.scope = loop.isRecursive ? scope : nil
  }

  override var typeName: String { "LoopContext" }
  override var printed: String { "<LoopContext \(index + 1)/\(items.count)>" }
  override var isCallable: Bool { true }
  override var depth: Int32 { itemDepth }
  private lazy var itemDepth: Int32 = 1 + (items.lazy.map(\.depth).max() ?? 0)
  var count: Int { items.count }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(items.count - index)
    case "revindex0": .int(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .int(items.count)
    case "depth": .int(level + 1)
    case "depth0": .int(level)
    case "previtem":
      index > 0 ? items[index - 1] : .undefined(TemplateUndefined("there is no previous item"))
    case "nextitem":
      index + 1 < items.count ? items[index + 1] : .undefined(TemplateUndefined("there is no next item"))
    case "cycle":
      .object(
        NativeFunction("cycle") { [index] arguments, _ in
          guard !arguments.positional.isEmpty else {
            throw TemplateError(.wrongType, "no items for cycling given")
          }
          return arguments.positional[index % arguments.positional.count]
        })
    case "changed":
      .object(
        NativeFunction("changed", depth: depth + 1) { [self] arguments, interpreter in
          let values = arguments.positional
          let isSame = lastChanged.map { TemplateValue.list($0).isEqual(to: .list(values)) } ?? false
          if lastChanged == nil { interpreter.keep(self) }
          lastChanged = values
          return .bool(!isSame)
        })
    default: nil
    }
  }

  /// `loop(items)` of a recursive loop.
  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    guard let scope else {
      throw TemplateError(
        .wrongType, "The loop must have the 'recursive' marker to be called recursively.")
    }
    try Signature("iterable").check(arguments, "loop")
    var output = TemplateText()
    try interpreter.run(
      loop, over: arguments.value(0, "iterable") ?? .none, level: level + 1, in: scope, into: &output)
    return .string(output)
  }
}
