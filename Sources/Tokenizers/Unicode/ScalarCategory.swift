/// General categories of Unicode scalars, as numbers that fit a 32-bit set.
enum ScalarCategory {
  static let uppercase: UInt32 = 1 << 0
  static let lowercase: UInt32 = 1 << 1
  static let titlecase: UInt32 = 1 << 2
  static let modifierLetter: UInt32 = 1 << 3
  static let otherLetter: UInt32 = 1 << 4
  static let nonspacingMark: UInt32 = 1 << 5
  static let spacingMark: UInt32 = 1 << 6
  static let enclosingMark: UInt32 = 1 << 7
  static let decimalNumber: UInt32 = 1 << 8
  static let letterNumber: UInt32 = 1 << 9
  static let otherNumber: UInt32 = 1 << 10
  static let connectorPunctuation: UInt32 = 1 << 11
  static let dashPunctuation: UInt32 = 1 << 12
  static let openPunctuation: UInt32 = 1 << 13
  static let closePunctuation: UInt32 = 1 << 14
  static let initialPunctuation: UInt32 = 1 << 15
  static let finalPunctuation: UInt32 = 1 << 16
  static let otherPunctuation: UInt32 = 1 << 17
  static let mathSymbol: UInt32 = 1 << 18
  static let currencySymbol: UInt32 = 1 << 19
  static let modifierSymbol: UInt32 = 1 << 20
  static let otherSymbol: UInt32 = 1 << 21
  static let spaceSeparator: UInt32 = 1 << 22
  static let lineSeparator: UInt32 = 1 << 23
  static let paragraphSeparator: UInt32 = 1 << 24
  static let control: UInt32 = 1 << 25
  static let format: UInt32 = 1 << 26
  static let surrogate: UInt32 = 1 << 27
  static let privateUse: UInt32 = 1 << 28
  static let unassigned: UInt32 = 1 << 29
  /// Not a category: the property White_Space.
  static let whitespace: UInt32 = 1 << 30
  /// Not a category: what the flavors of `\w` have in common, which is alphabetic, a mark, a decimal number or a
  /// connector. Rust adds the join controls, Oniguruma the other numbers of Latin-1.
  static let word: UInt32 = 1 << 31

  static let letter: UInt32 = 0x1f
  static let mark: UInt32 = 0xe0
  static let number: UInt32 = 0x700
  static let punctuation: UInt32 = 0x3f800
  static let symbol: UInt32 = 0x3c0000
  static let separator: UInt32 = 0x1c00000
  static let other: UInt32 = 0x3e000000

  /// The names in `\p{…}`.
  static func named(_ name: String) -> UInt32? { names[name] }

  private static let names: [String: UInt32] = [
    "L": letter, "Letter": letter, "Lu": uppercase, "Ll": lowercase, "Lt": titlecase, "Lm": modifierLetter,
    "Lo": otherLetter, "M": mark, "Mark": mark, "Mn": nonspacingMark, "Mc": spacingMark, "Me": enclosingMark,
    "N": number, "Number": number, "Nd": decimalNumber, "Nl": letterNumber, "No": otherNumber, "P": punctuation,
    "Punctuation": punctuation, "Pc": connectorPunctuation, "Pd": dashPunctuation, "Ps": openPunctuation,
    "Pe": closePunctuation, "Pi": initialPunctuation, "Pf": finalPunctuation, "Po": otherPunctuation, "S": symbol,
    "Symbol": symbol, "Sm": mathSymbol, "Sc": currencySymbol, "Sk": modifierSymbol, "So": otherSymbol, "Z": separator,
    "Separator": separator, "Zs": spaceSeparator, "Zl": lineSeparator, "Zp": paragraphSeparator, "C": other,
    "Other": other, "Cc": control, "Cf": format, "Cs": surrogate, "Co": privateUse, "Cn": unassigned,
  ]

  /// The bit of the general category of a scalar, with those of `whitespace` and `word`.
  static func bits(of value: UInt32) -> UInt32 {
    value < 0x10000 ? CategoryPlane.basic.bits[Int(value)] : computed(value)
  }

  /// `\w` of Unicode Technical Standard 18, annex C, as the `regex` crate of Rust has it.
  static func isWord(_ scalar: UInt32) -> Bool {
    bits(of: scalar) & word != 0 || scalar == 0x200c || scalar == 0x200d
  }

  /// Whether a version of Unicode already had the scalar.
  static func isAssigned(_ scalar: UInt32, before major: Int) -> Bool {
    guard let age = Unicode.Scalar(scalar)?.properties.age else { return false }
    return age.major < major
  }

  fileprivate static func computed(_ value: UInt32) -> UInt32 {
    guard let properties = Unicode.Scalar(value)?.properties else { return surrogate }
    // Oniguruma and the `regex` crate know Unicode 16.
    if value > 0x250, properties.age?.major ?? 0 > 16 { return unassigned }
    var bits = category(properties.generalCategory)
    if properties.isWhitespace { bits |= whitespace }
    if bits & (mark | decimalNumber | connectorPunctuation) != 0 || properties.isAlphabetic {
      bits |= word
    }
    return bits
  }

  private static func category(_ category: Unicode.GeneralCategory) -> UInt32 {
    switch category {
    case .uppercaseLetter: uppercase
    case .lowercaseLetter: lowercase
    case .titlecaseLetter: titlecase
    case .modifierLetter: modifierLetter
    case .otherLetter: otherLetter
    case .nonspacingMark: nonspacingMark
    case .spacingMark: spacingMark
    case .enclosingMark: enclosingMark
    case .decimalNumber: decimalNumber
    case .letterNumber: letterNumber
    case .otherNumber: otherNumber
    case .connectorPunctuation: connectorPunctuation
    case .dashPunctuation: dashPunctuation
    case .openPunctuation: openPunctuation
    case .closePunctuation: closePunctuation
    case .initialPunctuation: initialPunctuation
    case .finalPunctuation: finalPunctuation
    case .otherPunctuation: otherPunctuation
    case .mathSymbol: mathSymbol
    case .currencySymbol: currencySymbol
    case .modifierSymbol: modifierSymbol
    case .otherSymbol: otherSymbol
    case .spaceSeparator: spaceSeparator
    case .lineSeparator: lineSeparator
    case .paragraphSeparator: paragraphSeparator
    case .control: control
    case .format: format
    case .surrogate: surrogate
    case .privateUse: privateUse
    case .unassigned: unassigned
    @unknown default: unassigned
    }
  }
}

/// The category bits of U+0000 to U+FFFF.
private struct CategoryPlane: Sendable {
  let bits: [UInt32]
  static let basic = CategoryPlane(bits: (0..<0x10000).map { ScalarCategory.computed($0) })
}
