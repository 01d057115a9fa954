/// Turns token ids that arrive one at a time into text without cutting a character.
///
/// The chunks, joined with what `finish()` returns, are `Tokenizer.decode` of all ids.
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

  /// A detokenizer at the start of a text.
  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    skipsSpecialTokens = skipSpecialTokens
  }

  /// Takes a token and returns the characters that are complete now, often none; unknown ids give none.
  public mutating func append(_ id: Int) -> String {
    if skipsSpecialTokens, tokenizer.isSpecial(id) { return "" }
    guard let bytes = tokenizer.decodedBytes(of: id, isFirst: isFirst) else { return "" }
    isFirst = false
    return decoder.append(bytes)
  }

  /// Ends the text: an incomplete character becomes U+FFFD.
  public mutating func finish() -> String { decoder.finish() }
}
