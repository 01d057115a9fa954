/// A value of the template language, with Python's types as chat templates see them.
public enum TemplateValue: Sendable {
  /// A name, key or attribute that does not exist.
  case undefined(TemplateUndefined)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  /// Text; its length, indices and order count Unicode scalars.
  case string(String)
  /// A list or a tuple.
  case list(TemplateList)
  /// A dictionary in insertion order.
  case dictionary(TemplateDictionary)
  /// A function, macro, loop or namespace.
  case object(TemplateObject)
}

/// Why a value is undefined.
public struct TemplateUndefined: Sendable {
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

/// A list or tuple that knows how deeply it nests.
public struct TemplateList: Sendable {
  /// The items in order.
  public let items: [TemplateValue]
  /// Whether it prints and compares as a tuple.
  public let isTuple: Bool
  let depth: Int

  /// A list, or a tuple, of items.
  public init(_ items: [TemplateValue], isTuple: Bool = false) {
    self.items = items
    self.isTuple = isTuple
    depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
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
}

extension TemplateValue {
  /// A list of values.
  public static func list(_ items: [TemplateValue]) -> TemplateValue { .list(TemplateList(items)) }

  /// A dictionary of values under text keys, in order.
  public static func dictionary(_ pairs: [(String, TemplateValue)]) -> TemplateValue {
    .dictionary(TemplateDictionary(pairs.map { (.string($0.0), $0.1) }))
  }

  /// A chat message with its role and text.
  public static func message(role: String, content: String) -> TemplateValue {
    .dictionary([("role", .string(role)), ("content", .string(content))])
  }

  static func tuple(_ items: [TemplateValue]) -> TemplateValue { .list(TemplateList(items, isTuple: true)) }

  /// The nesting of containers: 0 for a scalar.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
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
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .list(let list): list.isTuple ? "tuple" : "list"
    case .dictionary: "dict"
    case .object(let object): object.typeName
    }
  }

  /// The value as an integer where Python's `__index__` gives one.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The value as a floating-point number where it is a number.
  var number: Double? {
    if case .double(let value) = self { return value }
    return integer.map(Double.init)
  }

  /// The text, where it is a string.
  public var text: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  /// The value under a text key, where it is a dictionary that has it.
  public subscript(key: String) -> TemplateValue? {
    if case .dictionary(let dictionary) = self { return dictionary[.string(key)] }
    return nil
  }
}
