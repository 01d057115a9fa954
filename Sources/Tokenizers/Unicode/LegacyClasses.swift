/// Classes of scalars as the `tokenizers` library has them: its tables are those of older versions of Unicode, and
/// tokenizers are trained on what they say.
enum LegacyClasses {
  /// Marks, as of Unicode 9.
  static func isMark(_ scalar: UInt32) -> Bool {
    if 0x1cf2...0x1cf3 ~= scalar { return true }
    if scalar == 0x111c9 { return false }
    return ScalarCategory.bits(of: scalar) & ScalarCategory.mark != 0
      && ScalarCategory.isAssigned(scalar, before: 10)
  }

  /// Nonspacing marks, as of Unicode 8.
  static func isNonspacingMark(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1734, 0x1171e: return true
    case 0x1885...0x1886, 0xa9bd, 0x111c9: return false
    default: break
    }
    return ScalarCategory.bits(of: scalar) & ScalarCategory.nonspacingMark != 0
      && ScalarCategory.isAssigned(scalar, before: 9)
  }

  /// Punctuation, as of Unicode 8; ASCII symbols are not in it.
  static func isPunctuation(_ scalar: UInt32) -> Bool {
    if scalar == 0x166d || scalar == 0x111c9 { return true }
    return ScalarCategory.bits(of: scalar) & ScalarCategory.punctuation != 0
      && ScalarCategory.isAssigned(scalar, before: 9)
  }

  /// Control, format and private-use scalars, as of Unicode 8.
  static func isOther(_ scalar: UInt32) -> Bool {
    let other = ScalarCategory.control | ScalarCategory.format | ScalarCategory.privateUse
    return ScalarCategory.bits(of: scalar) & other != 0 && ScalarCategory.isAssigned(scalar, before: 9)
  }
}
