/// How control tokens spelled in a text are read.
enum ControlTokens {
  /// As those tokens.
  case parsed
  /// As plain text.
  case plain
  /// As plain text where any part of them comes from a message.
  case plainInMessages(MessageText)
}

/// Which parts of a prompt come from messages, and which tokens they must not spell.
struct MessageText {
  /// UTF-8 ranges in order and apart from each other.
  let ranges: [Range<Int>]
  /// Ids of added tokens that are no control tokens by themselves, but that the chat template writes.
  let written: Set<Int>

  func isControl(_ token: AddedToken) -> Bool { token.special || written.contains(token.id) }

  /// Whether any byte of a range comes from a message.
  func contains(_ range: Range<Int>) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound < range.upperBound
  }
}

/// Keeps the ids of a prompt, and the first control token that the model made of a message's plain text.
struct PromptSink: TokenSink {
  static let wantsOffsets = true
  private let messages: MessageText
  private let addedTokens: [Int: AddedToken]
  private(set) var ids: [Int] = []
  private(set) var forged: Int?

  init(_ messages: MessageText, _ addedTokens: [Int: AddedToken]) {
    self.messages = messages
    self.addedTokens = addedTokens
  }

  mutating func append(_ id: Int32, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>) {
    ids.append(Int(id))
    guard let content = specialContent(id), original[range].elementsEqual(content) else { return }
    if messages.contains(range) { forged = forged ?? Int(id) }
  }

  mutating func append(_ id: Int32, _ range: Range<Int>, of text: borrowing AlignedText) {
    ids.append(Int(id))
    let clamped = range.clamped(to: 0..<text.bytes.count)
    guard let content = specialContent(id), !clamped.isEmpty, text.bytes[clamped].elementsEqual(content) else { return }
    let source = text.source(of: clamped)
    if messages.contains(source.start..<source.end) { forged = forged ?? Int(id) }
  }

  /// The spelling of a special token; the unknown token, which stands for other text, is told by it.
  private func specialContent(_ id: Int32) -> [UInt8]? {
    addedTokens[Int(id)].flatMap { $0.special ? $0.content : nil }
  }

  mutating func append(_ token: AddedToken, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>) {
    ids.append(token.id)
  }

  mutating func append(_ token: AddedToken, _ range: Range<Int>, of text: borrowing AlignedText) {
    ids.append(token.id)
  }
}
