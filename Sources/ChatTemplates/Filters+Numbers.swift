import Foundation

extension Filters {
  static func number(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue? {
    switch name {
    case "int":
      let standard = arguments.value(0, "default") ?? .int(0)
      return try integer(value, base: arguments.integer(1, "base", default: 10)).map { .int($0) } ?? standard
    case "float":
      if case .undefined(let undefined) = value { throw undefined.error }
      let text = value.text?.stripped(left: true, right: true, \.isPythonSpace)
      return (value.number ?? text.flatMap(Double.init)).map { .double($0) }
        ?? arguments.value(0, "default") ?? .double(0)
    case "abs":
      if case .undefined(let undefined) = value { throw undefined.error }
      if let integer = value.integer {
        return integer < 0 ? try interpreter.apply(.negative, to: value) : .int(integer)
      }
      guard let number = value.number else {
        throw TemplateError(.wrongType, "bad operand type for abs(): '\(value.typeName)'")
      }
      return .double(number.magnitude)
    case "round": return try rounded(value, arguments)
    default: return nil
    }
  }

  private static func integer(_ value: TemplateValue, base: Int) throws -> Int? {
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .double(let number): return Int(exactly: number.rounded(.towardZero))
    case .string(let text):
      var digits = text.stripped(left: true, right: true, \.isPythonSpace).filter { $0 != "_" }.lowercased()
      if base == 16, digits.hasPrefix("0x") { digits.removeFirst(2) }
      if (2...36).contains(base), let integer = Int(digits, radix: base) { return integer }
      return Double(digits).flatMap { Int(exactly: $0.rounded(.towardZero)) }
    default: return value.integer
    }
  }

  private static func rounded(_ value: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let number = value.number else {
      throw TemplateError(.wrongType, "type \(value.typeName) doesn't define __round__ method")
    }
    let digits = max(-300, min(300, try arguments.integer(0, "precision", default: 0)))
    let method = try arguments.text(1, "method", default: "common")
    if method == "common" {
      if value.integer != nil, digits >= 0 { return value }
      // Python rounds the exact decimal expansion, which printf does too.
      if digits >= 0 { return .double(Double(String(format: "%.\(digits)f", number)) ?? number) }
    }
    let scale = pow(10, Double(digits))
    switch method {
    case "common": return .double((number * scale).rounded(.toNearestOrEven) / scale)
    case "ceil": return .double((number * scale).rounded(.up) / scale)
    case "floor": return .double((number * scale).rounded(.down) / scale)
    default: throw TemplateError(.wrongValue, "method must be common, ceil or floor")
    }
  }
}
