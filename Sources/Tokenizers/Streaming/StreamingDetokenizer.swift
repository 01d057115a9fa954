/// Turns token ids that arrive one at a time into text without cutting a character.
///
/// The chunks, joined with what `finish()` returns, are `Tokenizer.decode` of all ids; only where byte tokens of a
/// SentencePiece vocabulary are no valid UTF-8 the number of U+FFFD may differ, since nothing is held back for it.
///
/// ```swift
/// var detokenizer = tokenizer.streamingDetokenizer()
/// for id in ids { print(detokenizer.append(id), terminator: "") }
/// print(detokenizer.finish())
/// ```
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecialTokens: Bool
  private var decoder = IncrementalUTF8Decoder()
  private var isFirst = true
  /// The bytes that may still be dropped at the start of the text.
  private var strip: (byte: UInt8, count: Int) = (0, 0)

  /// A detokenizer at the start of a text.
  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    skipsSpecialTokens = skipSpecialTokens
    if case .pieces(let decoder) = tokenizer.decoder { strip = decoder.strip }
  }

  /// Takes a token and returns the characters that are complete now, often none; unknown ids give none.
  public mutating func append(_ id: Int) -> String {
    if skipsSpecialTokens, tokenizer.isSpecial(id) { return "" }
    guard var bytes = tokenizer.decodedBytes(of: id) else { return "" }
    if case .joinedWithSpaces = tokenizer.decoder, !isFirst { bytes.insert(UInt8(ascii: " "), at: 0) }
    isFirst = false
    while strip.count > 0, let first = bytes.first {
      guard first == strip.byte else {
        strip.count = 0
        break
      }
      bytes.removeFirst()
      strip.count -= 1
    }
    return decoder.append(bytes)
  }

  /// Ends the text: an incomplete character becomes U+FFFD.
  public mutating func finish() -> String { decoder.finish() }
}
