/// The classes of Unicode scalars that the split patterns speak of.
enum ScalarClass: UInt8 {
  /// None of the others.
  case other
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s` but not a carriage return or line feed.
  case space
  /// `\r` or `\n`
  case newline

  /// `\s`
  @inline(__always)
  var isWhitespace: Bool { self == .space || self == .newline }

  /// The class of a scalar value.
  @inline(__always)
  static func of(_ scalar: UInt32) -> ScalarClass {
    if scalar < 0x10000 { return basicPlane[Int(scalar)] }
    return computed(scalar)
  }

  /// The classes of U+0000 to U+FFFF.
  private static let basicPlane: [ScalarClass] = (0..<0x10000).map { computed($0) }

  private static func computed(_ value: UInt32) -> ScalarClass {
    guard let scalar = Unicode.Scalar(value) else { return .other }
    if value == 0x0a || value == 0x0d { return .newline }
    if scalar.properties.isWhitespace { return .space }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    default: return .other
    }
  }
}
