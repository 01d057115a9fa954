/// A value of the template language, with Python's types as chat templates see them.
public enum TemplateValue: Sendable {
  /// A name, key or attribute that does not exist.
  case undefined(TemplateUndefined)
  case none
  case bool(Bool)
  case int(Int)
  /// An integer that does not fit in 64 bits.
  case bigInteger(BigInteger)
  case double(Double)
  /// Text; its length, indices and order count Unicode scalars.
  case string(TemplateText)
  /// A list, a tuple, a range or a view of a dictionary.
  case list(TemplateList)
  /// A dictionary in insertion order.
  case dictionary(TemplateDictionary)
  /// A function, macro, loop, namespace or iterator.
  case object(TemplateObject)
}

/// Why a value is undefined.
public final class TemplateUndefined: Sendable {
  /// The message of the error that its use causes.
  public let message: String
  /// Whether the sandbox hid the value.
  public let isHiddenBySandbox: Bool

  init(_ message: String, isHiddenBySandbox: Bool = false) {
    self.message = message
    self.isHiddenBySandbox = isHiddenBySandbox
  }

  var error: TemplateError { TemplateError(isHiddenBySandbox ? .security : .undefinedValue, message) }
}

/// Items in order, which know how deeply they nest.
public struct TemplateList: Sendable {
  /// What Python calls the sequence.
  enum Kind: String, Sendable {
    case list
    case tuple
    case range
    case keys = "dict_keys"
    case values = "dict_values"
    case pairs = "dict_items"
    /// A tuple whose items are also called `grouper` and `list`.
    case group
  }

  /// The bounds of a range, which are what it prints.
  final class Bounds: Sendable {
    let start: Int
    let stop: Int
    let step: Int

    init(start: Int, stop: Int, step: Int) {
      self.start = start
      self.stop = stop
      self.step = step
    }
  }

  /// The items in order.
  public let items: [TemplateValue]
  let bounds: Bounds?
  let kind: Kind
  let depth: Int32
  /// About how many bytes the items take, those of shared parts counted each time.
  let weight: Int

  /// A list, or a tuple, of items.
  public init(_ items: [TemplateValue], isTuple: Bool = false) {
    self.init(items, isTuple ? .tuple : .list)
  }

  init(_ items: [TemplateValue], _ kind: Kind, bounds: Bounds? = nil) {
    self.items = items
    self.kind = kind
    self.bounds = bounds
    var deepest: Int32 = 0
    var sum = 16
    for item in items {
      deepest = max(deepest, item.depth)
      sum = sum.advancedSafely(by: item.weight)
    }
    depth = 1 + deepest
    weight = sum
  }

  /// Whether it prints and compares as a tuple.
  public var isTuple: Bool { kind == .tuple || kind == .group }

  /// Whether it has indices.
  var isIndexed: Bool {
    switch kind {
    case .keys, .values, .pairs: false
    default: true
    }
  }
}

/// An opaque object of a render: a function, macro, loop or namespace.
///
/// Objects with state live in one render, on its thread.
public class TemplateObject: @unchecked Sendable {
  /// The name in error messages.
  var typeName: String { "object" }

  func attribute(_ name: String) -> TemplateValue? { nil }

  func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    throw TemplateError(.wrongType, "'\(typeName)' object is not callable")
  }

  var isCallable: Bool { false }

  /// The nesting of the values it holds for good.
  var depth: Int32 { 0 }

  /// What `{{ object }}` writes.
  var printed: String { "<\(typeName)>" }
}

extension TemplateValue {
  /// A list of values.
  public static func list(_ items: [TemplateValue]) -> TemplateValue { .list(TemplateList(items)) }

  /// Text.
  public static func string(_ text: String) -> TemplateValue { .string(TemplateText(text)) }

  /// A dictionary of values under text keys, in order.
  public static func dictionary(_ pairs: [(String, TemplateValue)]) -> TemplateValue {
    .dictionary(TemplateDictionary(pairs.map { (.string($0.0), $0.1) }))
  }

  /// A chat message with its role and text.
  public static func message(role: String, content: String) -> TemplateValue {
    .dictionary([("role", .string(role)), ("content", .string(content))])
  }

  static func tuple(_ items: [TemplateValue]) -> TemplateValue { .list(TemplateList(items, .tuple)) }

  /// The nesting of containers: 0 for a scalar.
  var depth: Int32 {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .object(let object): object.depth
    default: 0
    }
  }

  /// About how many bytes it takes.
  var weight: Int {
    switch self {
    case .string(let text): 16 + text.count
    case .bigInteger(let integer): 16 + 4 * integer.words.count
    case .list(let list): list.weight
    case .dictionary(let dictionary): dictionary.weight
    default: 16
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  var isNone: Bool {
    if case .none = self { return true }
    return false
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .bigInteger: true
    case .double(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let value): !value.items.isEmpty
    case .dictionary(let value): value.count > 0
    case .object: true
    }
  }

  /// The Python name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int, .bigInteger: "int"
    case .double: "float"
    case .string: "str"
    case .list(let list): list.isTuple ? "tuple" : list.kind.rawValue
    case .dictionary: "dict"
    case .object(let object): object.typeName
    }
  }

  /// An integer, in 64 bits where it fits.
  init(_ integer: BigInteger) { self = integer.int.map { .int($0) } ?? .bigInteger(integer) }

  /// The value as an integer of 64 bits where Python's `__index__` gives one.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The value as an integer of any size where Python's `__index__` gives one.
  var wholeNumber: BigInteger? {
    if case .bigInteger(let value) = self { return value }
    return integer.map { BigInteger($0) }
  }

  /// The value as an index, held at the ends of 64 bits.
  var position: Int? {
    if case .bigInteger(let value) = self { return value.isNegative ? .min : .max }
    return integer
  }

  /// The value as a floating-point number where it is a number; infinite for an integer beyond the range.
  var number: Double? {
    switch self {
    case .double(let value): value
    case .bigInteger(let value): value.double
    default: integer.map(Double.init)
    }
  }

  /// The text, where it is a string.
  public var text: String? {
    if case .string(let value) = self { return value.string }
    return nil
  }

  /// The value under a text key, where it is a dictionary that has it.
  public subscript(key: String) -> TemplateValue? {
    if case .dictionary(let dictionary) = self { return dictionary[text: key] }
    return nil
  }
}
