/// The `loop` variable.
final class LoopState: TemplateObject, @unchecked Sendable {
  var index = 0
  private let items: [TemplateValue]
  private let depth: Int
  private let loop: ForLoop
  private let scope: Scope
  private var lastChanged: [TemplateValue]?

  init(_ items: [TemplateValue], depth: Int, loop: ForLoop, scope: Scope) {
    self.items = items
    self.depth = depth
    self.loop = loop
    self.scope = scope
  }

  override var typeName: String { "LoopContext" }
  override var isCallable: Bool { loop.isRecursive }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(items.count - index)
    case "revindex0": .int(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .int(items.count)
    case "depth": .int(depth + 1)
    case "depth0": .int(depth)
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
        NativeFunction("changed") { [weak self] arguments, _ in
          let values = arguments.positional
          let isSame = self?.lastChanged.map { TemplateValue.list($0).isEqual(to: .list(values)) } ?? false
          self?.lastChanged = values
          return .bool(!isSame)
        })
    default: nil
    }
  }

  /// `loop(items)` of a recursive loop.
  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    guard loop.isRecursive, let iterable = arguments.positional.first else {
      throw TemplateError(
        .wrongType, "The loop must have the 'recursive' marker to be called recursively.")
    }
    var output = ""
    try interpreter.run(loop, over: iterable, depth: depth + 1, in: scope, into: &output)
    return .string(output)
  }
}
