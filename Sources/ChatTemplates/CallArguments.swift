/// The evaluated arguments of a call.
struct CallArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The argument at a position or under a name.
  func value(_ position: Int, _ name: String) -> TemplateValue? {
    if position < positional.count { return positional[position] }
    return named.isEmpty ? nil : named.last { $0.name == name }?.value
  }

  func value(named name: String) -> TemplateValue? { named.last { $0.name == name }?.value }

  /// The argument as text; throws where it is missing and has no default, or is not text.
  func text(_ position: Int, _ name: String, default standard: String? = nil) throws -> TemplateText {
    guard let value = value(position, name) else {
      guard let standard else { throw TemplateError(.wrongType, "missing argument '\(name)'") }
      return TemplateText(standard)
    }
    guard case .string(let text) = value else {
      throw TemplateError(.wrongType, "argument '\(name)' must be str, not \(value.typeName)")
    }
    return text
  }

  /// The argument as an integer; throws where it is missing and has no default, or is not an integer.
  func integer(_ position: Int, _ name: String, default standard: Int? = nil) throws -> Int {
    guard let value = value(position, name) else {
      guard let standard else { throw TemplateError(.wrongType, "missing argument '\(name)'") }
      return standard
    }
    if case .bigInteger = value { throw BigInteger.tooLarge("an index") }
    guard let integer = value.integer else {
      throw TemplateError(.wrongType, "'\(value.typeName)' object cannot be interpreted as an integer")
    }
    return integer
  }

  func flag(_ position: Int, _ name: String, default standard: Bool = false) -> Bool {
    value(position, name)?.isTrue ?? standard
  }

  /// The arguments after the first `count` positional ones.
  func dropping(_ count: Int) -> CallArguments {
    CallArguments(positional: Array(positional.dropFirst(count)), named: named)
  }
}

/// The parameters a function takes, as Python would check them.
struct Signature: Sendable {
  private let parameters: [String]
  private let required: Int
  private let isPositionalOnly: Bool
  private let isOpen: Bool

  /// Parameter names in order: `name` is required, `name?` is not; a leading `/` allows no names; `*` allows anything.
  init(_ text: String) {
    let words = text.split(separator: " ")
    isOpen = words.contains("*")
    isPositionalOnly = words.first == "/"
    let names = words.filter { $0 != "*" && $0 != "/" }
    parameters = names.map { String($0.hasSuffix("?") ? $0.dropLast() : $0) }
    required = names.count { !$0.hasSuffix("?") }
  }

  /// Throws `.wrongType` for a missing, unknown, repeated or surplus argument.
  func check(_ arguments: CallArguments, _ function: String) throws {
    if isOpen { return }
    let count = arguments.positional.count
    guard count <= parameters.count else {
      throw TemplateError(
        .wrongType, "\(function)() takes \(parameters.count) positional arguments but \(count) were given")
    }
    for (index, argument) in arguments.named.enumerated() {
      guard !isPositionalOnly, let position = parameters.firstIndex(of: argument.name) else {
        throw TemplateError(.wrongType, "\(function)() got an unexpected keyword argument '\(argument.name)'")
      }
      guard position >= count, !arguments.named[..<index].contains(where: { $0.name == argument.name }) else {
        throw TemplateError(.wrongType, "\(function)() got multiple values for argument '\(argument.name)'")
      }
    }
    for position in parameters.indices.dropFirst(count).prefix(while: { $0 < required })
    where !arguments.named.contains(where: { $0.name == parameters[position] }) {
      throw TemplateError(.wrongType, "\(function)() missing required argument: '\(parameters[position])'")
    }
  }
}
