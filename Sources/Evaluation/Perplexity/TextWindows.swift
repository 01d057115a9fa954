/// The windows of a text and which of its tokens each one scores.
struct TextWindows: Sendable {
  /// One window.
  struct Window: Sendable, Equatable {
    /// The tokens of the text it covers.
    let tokens: Range<Int>
    /// The tokens of the text whose predictions count; the others are context only.
    let scored: Range<Int>
  }

  let windows: [Window]
  /// Tokens in one window; the last of the strided form may be shorter.
  let length: Int
  let stride: Int
  /// Tokens of the text that no window covers.
  let droppedTokens: Int

  /// Cuts a text of `count` tokens.
  ///
  /// With a stride of the whole length, windows do not overlap, the remainder is dropped, and the first token of each is scored
  /// only after a begin token. With a shorter one, every token but the text's first (or all, after a begin token) is scored once, by
  /// the first window that covers it.
  init(count: Int, length: Int, stride: Int, hasBeginToken: Bool, limit: Int?) {
    var windows: [Window] = []
    let unscored = hasBeginToken ? 0 : 1
    var end = 0
    var start = 0
    while windows.count < limit ?? .max {
      if stride == length {
        guard start + length <= count else { break }
        end = start + length
        windows.append(Window(tokens: start..<end, scored: (start + unscored)..<end))
      } else {
        guard end < count else { break }
        let first = max(end, start + unscored)
        end = min(start + length, count)
        windows.append(Window(tokens: start..<end, scored: first..<end))
      }
      start += stride
    }
    self.windows = windows
    self.length = length
    self.stride = stride
    droppedTokens = count - end
  }

  /// Predictions of all windows.
  var scoredTokens: Int { windows.reduce(0) { $0 + $1.scored.count } }
}
