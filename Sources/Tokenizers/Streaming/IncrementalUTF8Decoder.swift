/// Turns bytes that arrive in parts into text, whole characters only.
///
/// Bytes that can no longer become valid give U+FFFD, one for each maximal subpart (Unicode 16, section 3.9). As in
/// Python's incremental decoder, a surrogate's first two bytes wait for the third.
struct IncrementalUTF8Decoder: Sendable {
  private var pending: [UInt8] = []

  /// Takes bytes and returns the text that is certain now.
  mutating func append(_ bytes: some Sequence<UInt8>) -> String {
    pending.append(contentsOf: bytes)
    return drain(final: false)
  }

  /// Ends the stream: what is incomplete becomes U+FFFD.
  mutating func finish() -> String { drain(final: true) }

  /// What bytes may become.
  enum State {
    case complete
    case incomplete
    case invalid
  }

  /// The state of bytes that begin a text.
  static func state(of bytes: [UInt8]) -> State {
    if String(validating: bytes, as: UTF8.self) != nil { return .complete }
    let decoder = IncrementalUTF8Decoder(pending: bytes)
    let length = decoder.incompleteSuffixLength()
    let isValidBefore = String(validating: bytes.dropLast(length), as: UTF8.self) != nil
    return length > 0 && isValidBefore && decoder.isBeginning(length) ? .incomplete : .invalid
  }

  init() {}

  private init(pending: [UInt8]) { self.pending = pending }

  /// Whether the last bytes can begin a scalar at all; surrogates cannot.
  private func isBeginning(_ length: Int) -> Bool {
    let suffix = pending.suffix(length)
    guard let lead = suffix.first, suffix.count > 1, let second = suffix.dropFirst().first else { return true }
    return !(lead == 0xed && second >= 0xa0)
  }

  private mutating func drain(final: Bool) -> String {
    var start = pending.count
    if !final { start -= incompleteSuffixLength() }
    let text = String(decoding: pending[..<start], as: UTF8.self)
    pending.removeFirst(start)
    return text
  }

  /// The number of bytes at the end that more bytes may complete.
  private func incompleteSuffixLength() -> Int {
    for length in 1...3 where length <= pending.count {
      let lead = pending[pending.count - length]
      if lead & 0xc0 == 0x80 { continue }
      guard lead >= 0xc2, lead <= 0xf4, UTF8Scalar.length(lead: lead) > length else { return 0 }
      if length == 1 { return 1 }
      return Self.isValid(second: pending[pending.count - length + 1], after: lead, length) ? length : 0
    }
    return 0
  }

  private static func isValid(second: UInt8, after lead: UInt8, _ length: Int) -> Bool {
    switch lead {
    case 0xe0: second >= 0xa0
    case 0xf0: second >= 0x90
    case 0xf4: second < 0x90
    default: true
    }
  }
}
