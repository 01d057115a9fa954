/// The normalizer of BERT: cleans control characters and spaces, sets ideographs apart, strips accents, lowers case.
struct BertNormalizer: Sendable {
  var cleansText = true
  var separatesIdeographs = true
  /// Nil follows `lowercases`.
  var stripsAccents: Bool?
  var lowercases = true

  /// Rewrites the text.
  func apply(to text: inout AlignedText) throws {
    if cleansText { text.rewriteScalars(Self.cleaned) }
    if separatesIdeographs {
      text.rewriteScalars { scalar in
        guard Self.isIdeograph(scalar) else { return nil }
        var bytes: [UInt8] = [0x20]
        UTF8Scalar.append(scalar, to: &bytes)
        return bytes + [0x20]
      }
    }
    if stripsAccents ?? lowercases {
      NormalizationForm.nfd.apply(to: &text)
      text.rewriteScalars { LegacyClasses.isNonspacingMark($0) ? [] : nil }
    }
    if lowercases { try Normalizer.lowercase.apply(to: &text) }
  }

  private static func cleaned(_ scalar: UInt32) -> [UInt8]? {
    if scalar == 0x20 { return nil }
    if scalar == 0x9 || scalar == 0xa || scalar == 0xd { return [0x20] }
    if scalar == 0 || scalar == 0xfffd || LegacyClasses.isOther(scalar) { return [] }
    return ScalarCategory.bits(of: scalar) & ScalarCategory.whitespace != 0 ? [0x20] : nil
  }

  private static func isIdeograph(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f, 0x2b740...0x2b81f, 0x2b920...0x2ceaf,
      0xf900...0xfaff, 0x2f800...0x2fa1f:
      true
    default: false
    }
  }
}
