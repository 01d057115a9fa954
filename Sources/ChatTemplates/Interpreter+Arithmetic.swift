import Foundation

extension Interpreter {
  /// The result of an operation on two numbers, nil where one is no number.
  func calculate(
    _ operation: BinaryOperator, _ left: TemplateValue, _ right: TemplateValue
  ) throws -> TemplateValue? {
    if let left = left.integer, let right = right.integer, let result = try calculate(operation, left, right) {
      return .int(result)
    }
    if let left = left.wholeNumber, let right = right.wholeNumber { return try calculate(operation, left, right) }
    func number(_ value: TemplateValue) throws -> Double? {
      if case .bigInteger(let integer) = value { return try integer.finiteDouble() }
      return value.number
    }
    guard left.number != nil, right.number != nil, let left = try number(left), let right = try number(right) else {
      return nil
    }
    return .double(try calculate(operation, left, right))
  }

  private static var zeroDivision: TemplateError {
    TemplateError(.wrongValue, "integer division or modulo by zero")
  }

  /// The result in 64 bits, nil where it needs more or is no integer.
  private func calculate(_ operation: BinaryOperator, _ left: Int, _ right: Int) throws -> Int? {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .floorDivide:
      guard right != 0 else { throw Self.zeroDivision }
      result = left.dividedReportingOverflow(by: right)
      if !result.overflow, left % right != 0, (left < 0) != (right < 0) { return result.partialValue - 1 }
    case .remainder:
      guard right != 0 else { throw Self.zeroDivision }
      let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
      return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder
    case .divide, .power, .and, .or: return nil
    }
    return result.overflow ? nil : result.partialValue
  }

  private func calculate(
    _ operation: BinaryOperator, _ left: BigInteger, _ right: BigInteger
  ) throws -> TemplateValue {
    try charge(left.words.count * right.words.count / 64)
    switch operation {
    case .add: return try TemplateValue((left + right).checked())
    case .subtract: return try TemplateValue((left - right).checked())
    case .multiply: return try TemplateValue((left * right).checked())
    case .divide:
      guard !right.words.isEmpty else { throw TemplateError(.wrongValue, "division by zero") }
      let quotient: Double = left / right
      guard quotient.isFinite else { throw BigInteger.tooLarge("a quotient for a floating-point number") }
      return .double(quotient)
    case .floorDivide:
      guard !right.words.isEmpty else { throw Self.zeroDivision }
      return TemplateValue(left.flooredDivision(by: right).quotient)
    case .remainder:
      guard !right.words.isEmpty else { throw Self.zeroDivision }
      return TemplateValue(left.flooredDivision(by: right).rest)
    case .power:
      guard right.isNegative else { return try TemplateValue(power(left, right)) }
      return .double(try calculate(.power, left.finiteDouble(), right.finiteDouble()))
    case .and, .or: return TemplateValue(left)
    }
  }

  /// A power by squaring; every square is within the limit before it is squared again.
  private func power(_ base: BigInteger, _ exponent: BigInteger) throws -> BigInteger {
    if base.bitWidth <= 1 {
      let isOdd = exponent.words.first.map { $0 % 2 == 1 } ?? false
      return exponent.words.isEmpty ? BigInteger(1) : isOdd ? base : base * base
    }
    guard var rest = exponent.int, rest <= TemplateLimits.maximumIntegerBits else {
      throw BigInteger.tooLarge("an integer")
    }
    var result = BigInteger(1)
    var square = base
    while true {
      if rest % 2 == 1 { result = try (result * square).checked() }
      rest /= 2
      if rest == 0 { return result }
      try charge(square.words.count * square.words.count / 64)
      square = try (square * square).checked()
    }
  }

  private func calculate(_ operation: BinaryOperator, _ left: Double, _ right: Double) throws -> Double {
    if right == 0, [.divide, .floorDivide, .remainder].contains(operation) {
      throw TemplateError(.wrongValue, "float division by zero")
    }
    switch operation {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide: return left / right
    case .floorDivide: return Self.divided(left, right).quotient
    case .remainder: return Self.divided(left, right).remainder
    case .power:
      if left == 0, right < 0 { throw TemplateError(.wrongValue, "0.0 cannot be raised to a negative power") }
      let power = pow(left, right)
      if power.isNaN, !left.isNaN, !right.isNaN {
        throw TemplateError(.wrongValue, "a negative number has no real power of \(right.pythonRepresentation)")
      }
      if power.isInfinite, left.isFinite, right.isFinite {
        throw TemplateError(.limitExceeded, "Numerical result out of range")
      }
      return power
    case .and, .or: return left
    }
  }

  /// Python's `divmod` of floating-point numbers.
  private static func divided(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
    var remainder = fmod(left, right)
    var quotient = (left - remainder) / right
    if remainder != 0 {
      if (right < 0) != (remainder < 0) {
        remainder += right
        quotient -= 1
      }
    } else {
      remainder = Double(signOf: right, magnitudeOf: 0)
    }
    guard quotient != 0 else { return (Double(signOf: left / right, magnitudeOf: 0), remainder) }
    let floor = quotient.rounded(.down)
    return (quotient - floor > 0.5 ? floor + 1 : floor, remainder)
  }
}
