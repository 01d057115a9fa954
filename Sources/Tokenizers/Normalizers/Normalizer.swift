/// A rewriting of the text before the model sees it.
enum Normalizer: Sendable {
  case form(NormalizationForm)
  /// Lower case, scalar by scalar.
  case lowercase
  /// Drops all marks (general category M).
  case stripAccents
  case replace([UInt8], with: [UInt8])
  case replacePattern(RegularExpressionPattern, with: [UInt8])
  /// Puts bytes before a text that is not empty.
  case prepend([UInt8])
  /// Drops white space at the ends.
  case strip(left: Bool, right: Bool)
  /// SentencePiece's rules of the Neural Machine Translation group: control characters go, odd spaces become plain.
  case machineTranslation
  case bert(BertNormalizer)
  /// SentencePiece's compiled map; taken by grapheme clusters, as the `tokenizers` library does.
  case precompiled(PrecompiledMap)
  /// SentencePiece's own way: the longest entry of the map at each place, then its rules for spaces.
  case sentencePiece(SentencePieceNormalizer)
  /// Writes each byte as its scalar of the alphabet of GPT-2.
  case byteLevel
  indirect case sequence([Normalizer])

  /// Rewrites the text and keeps track of where its bytes came from.
  ///
  /// - Throws: `TokenizerError` where a pattern takes too many steps, or the text grows without measure.
  func apply(to text: inout AlignedText) throws {
    try apply(to: &text, within: GrowthLimit(of: text.bytes.count))
  }

  private func apply(to text: inout AlignedText, within limit: GrowthLimit) throws {
    if text.bytes.isEmpty { return }
    switch self {
    case .sequence(let normalizers):
      for normalizer in normalizers {
        try normalizer.apply(to: &text, within: limit)
        try limit.check(text.bytes.count)
      }
    case .prepend(let bytes):
      var rewriter = TextRewriter(text)
      rewriter.insertBefore(bytes)
      rewriter.keep(upTo: text.bytes.count)
      text = rewriter.finish()
    case .replace(let pattern, let content):
      try limit.check(text.bytes.count / max(1, pattern.count), times: content.count)
      text.replace(pattern, with: content)
    case .replacePattern(let pattern, let content):
      let matches = try text.bytes.withUnsafeBufferPointer { try pattern.matches($0, 0..<$0.count) }
      try limit.check(matches.count, times: content.count)
      text.replace(matches, with: content)
    case .strip(let left, let right): text.strip(left: left, right: right)
    case .lowercase:
      text.rewriteScalars { scalar in
        guard let lower = Unicode.Scalar(scalar)?.properties.lowercaseMapping else { return nil }
        let bytes = Array(lower.utf8)
        return bytes.count < 5 && UTF8Scalar.scalars(of: bytes) == [scalar] ? nil : bytes
      }
    case .stripAccents: text.rewriteScalars { LegacyClasses.isMark($0) ? [] : nil }
    case .machineTranslation: text.rewriteScalars(MachineTranslationRules.replacement)
    case .bert(let normalizer): try normalizer.apply(to: &text)
    case .precompiled(let map): map.apply(to: &text)
    case .sentencePiece(let normalizer): normalizer.apply(to: &text)
    case .byteLevel: text.writeInByteAlphabet()
    case .form(let form): form.apply(to: &text)
    }
  }
}

/// The replacements of SentencePiece's `nmt` rules.
private enum MachineTranslationRules {
  static func replacement(_ scalar: UInt32) -> [UInt8]? {
    switch scalar {
    case 0x1...0x8, 0xb, 0xe...0x1f, 0x7f, 0x8f, 0x9f: []
    case 0x9, 0xa, 0xc, 0xd, 0x1680, 0x200b...0x200f, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd: [0x20]
    default: nil
    }
  }
}
