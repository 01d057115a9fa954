/// A whole number of any size, as Python's `int` is.
///
/// Templates get it only where 64 bits do not suffice, and never beyond `TemplateLimits.maximumIntegerBits`.
public struct BigInteger: Sendable, Hashable {
  /// Whether it is below zero; zero is not.
  let isNegative: Bool
  /// Groups of 32 bits, the lowest first, the last one not zero; zero has none.
  let words: [UInt32]

  init(isNegative: Bool, words: [UInt32]) {
    let count = (words.lastIndex { $0 != 0 } ?? -1) + 1
    self.words = count == words.count ? words : Array(words[..<count])
    self.isNegative = isNegative && count > 0
  }

  /// The same number.
  public init(_ value: Int) {
    self.init(
      isNegative: value < 0,
      words: [UInt32(truncatingIfNeeded: value.magnitude), UInt32(truncatingIfNeeded: value.magnitude >> 32)])
  }

  /// The whole part of a finite number.
  init?(_ number: Double) {
    guard number.isFinite else { return nil }
    let magnitude = number.magnitude.rounded(.down)
    guard magnitude >= 1 else {
      self.init(0)
      return
    }
    let shift = max(0, Int(magnitude.exponent) - 52)
    let significand = UInt64(magnitude / Double(sign: .plus, exponent: shift, significand: 1))
    let words = [UInt32(truncatingIfNeeded: significand), UInt32(truncatingIfNeeded: significand >> 32)]
    self.init(isNegative: number < 0, words: BigInteger(isNegative: false, words: words).shifted(left: shift).words)
  }

  /// The number that digits of a base from 2 to 36 spell, nil where there is another character or no digit.
  ///
  /// - Throws: `TemplateError` (`limitExceeded`) beyond `TemplateLimits.maximumIntegerBits`.
  init?(digits: some Sequence<UInt8>, radix: Int, isNegative: Bool = false) throws {
    var words: [UInt32] = []
    var isEmpty = true
    for byte in digits {
      guard let digit = Self.value(ofDigit: byte), digit < radix else { return nil }
      isEmpty = false
      var carry = UInt64(digit)
      for index in words.indices {
        carry += UInt64(words[index]) * UInt64(radix)
        words[index] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      if carry > 0 {
        words.append(UInt32(carry))
        guard words.count * 32 < TemplateLimits.maximumIntegerBits + 32 else { throw Self.tooLarge("an integer") }
      }
    }
    if isEmpty { return nil }
    self = try BigInteger(isNegative: isNegative, words: words).checked()
  }

  /// The number that decimal digits, perhaps after `-`, spell.
  init?(decimal text: String) throws {
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    try self.init(digits: text.utf8.dropFirst(isNegative ? 1 : 0), radix: 10, isNegative: isNegative)
  }

  static func tooLarge(_ what: String) -> TemplateError {
    TemplateError(.limitExceeded, "\(what) is too large")
  }

  /// The number; throws `.limitExceeded` beyond `TemplateLimits.maximumIntegerBits`.
  func checked() throws -> BigInteger {
    guard bitWidth <= TemplateLimits.maximumIntegerBits else { throw Self.tooLarge("an integer") }
    return self
  }

  /// The nearest floating-point number; throws `.limitExceeded` beyond the range.
  func finiteDouble() throws -> Double {
    guard double.isFinite else { throw Self.tooLarge("an integer for a floating-point number") }
    return double
  }

  private static func value(ofDigit byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte - 0x30)
    case 0x41...0x5a: Int(byte - 0x41) + 10
    case 0x61...0x7a: Int(byte - 0x61) + 10
    default: nil
    }
  }

  /// The number in 64 bits, nil where it does not fit.
  var int: Int? {
    guard words.count <= 2 else { return nil }
    let magnitude = words.reversed().reduce(UInt64(0)) { $0 << 32 | UInt64($1) }
    if isNegative, magnitude == 1 << 63 { return .min }
    return Int(exactly: magnitude).map { isNegative ? -$0 : $0 }
  }

  /// How many bits the magnitude has.
  var bitWidth: Int { words.count * 32 - (words.last?.leadingZeroBitCount ?? 0) }

  /// The nearest floating-point number, ties to even; infinite beyond the range.
  var double: Double { Self.rounded(self, hasRest: false, shift: 0) }

  /// `value · 2^-shift` to the nearest floating-point number, where `hasRest` says that the true value is a little larger.
  private static func rounded(_ value: BigInteger, hasRest: Bool, shift: Int) -> Double {
    let dropped = max(0, value.bitWidth - 64)
    let head = value.shifted(right: dropped)
    var bits = head.words.reversed().reduce(UInt64(0)) { $0 << 32 | UInt64($1) }
    // One bit tells the rounding that something not zero follows.
    if hasRest || head.shifted(left: dropped).words != value.words { bits |= 1 }
    let magnitude = Double(sign: .plus, exponent: dropped - shift, significand: Double(bits))
    return value.isNegative ? -magnitude : magnitude
  }

  /// The quotient as Python's `/` rounds it; the divisor is not zero.
  static func / (left: BigInteger, right: BigInteger) -> Double {
    let shift = max(0, right.bitWidth - left.bitWidth + 66)
    let (quotient, rest) = left.shifted(left: shift).dividedByMagnitude(of: right)
    let magnitude = rounded(
      BigInteger(isNegative: false, words: quotient.words), hasRest: !rest.words.isEmpty, shift: shift)
    return left.isNegative == right.isNegative ? magnitude : -magnitude
  }

  /// The digits in a base, without a sign.
  func digits(radix: Int) -> String {
    guard !words.isEmpty else { return "0" }
    // As many digits at once as fit one division by a word.
    var (size, unit) = (0, UInt64(1))
    while unit * UInt64(radix) <= UInt64(UInt32.max) { (size, unit) = (size + 1, unit * UInt64(radix)) }
    var rest = words
    var groups: [String] = []
    while !rest.isEmpty {
      var remainder: UInt64 = 0
      for index in rest.indices.reversed() {
        remainder = remainder << 32 | UInt64(rest[index])
        rest[index] = UInt32(remainder / unit)
        remainder %= unit
      }
      while rest.last == 0 { rest.removeLast() }
      let group = String(remainder, radix: radix)
      groups.append(rest.isEmpty ? group : String(repeating: "0", count: size - group.utf8.count) + group)
    }
    return groups.reversed().joined()
  }
}

extension BigInteger: CustomStringConvertible {
  /// The decimal digits, with `-` before those of a number below zero.
  public var description: String { (isNegative ? "-" : "") + digits(radix: 10) }
}
