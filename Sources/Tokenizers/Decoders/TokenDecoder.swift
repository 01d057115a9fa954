/// How tokens become text again.
enum TokenDecoder: Sendable {
  /// Tokens are bytes in the alphabet of GPT-2; those that are not stand for themselves.
  case byteLevel
  /// Tokens are text with a mark for the space and with byte tokens.
  case pieces(PieceDecoder)
  /// Tokens are text, joined with spaces: files without a decoder.
  case joinedWithSpaces
}
