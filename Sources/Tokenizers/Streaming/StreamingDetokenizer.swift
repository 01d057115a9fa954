/// Turns token ids that arrive one at a time into text without cutting a character.
///
/// The chunks, joined with what `finish()` returns, are `Tokenizer.decode` of all ids; only where a run of byte tokens
/// of a SentencePiece vocabulary begins with whole characters and then goes wrong, these are already out.
///
/// ```swift
/// var detokenizer = tokenizer.streamingDetokenizer()
/// for id in ids { print(detokenizer.append(id), terminator: "") }
/// print(detokenizer.finish())
/// ```
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecialTokens: Bool
  private var pipeline: StreamingDecoder

  /// A detokenizer at the start of a text.
  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    skipsSpecialTokens = skipSpecialTokens
    pipeline = StreamingDecoder(tokenizer.decoder)
  }

  /// Takes a token and returns the characters that are complete now, often none; unknown ids give none.
  public mutating func append(_ id: Int) -> String {
    if skipsSpecialTokens, tokenizer.isSpecial(id) { return "" }
    guard let piece = tokenizer.pieces[id] else { return "" }
    return pipeline.append(Array(piece))
  }

  /// Ends the text: an incomplete character becomes U+FFFD.
  public mutating func finish() -> String { pipeline.finish() }
}
