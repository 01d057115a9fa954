/// A token and the bytes of the text it stands for.
public struct TokenSpan: Sendable, Equatable {
  /// The token id.
  public var id: Int
  /// Offset of the first UTF-8 byte in the text.
  public var start: Int
  /// Offset after the last UTF-8 byte; equal to `start` for tokens that no text gave.
  public var end: Int

  /// A token with its byte range.
  public init(id: Int, start: Int, end: Int) {
    self.id = id
    self.start = start
    self.end = end
  }
}
