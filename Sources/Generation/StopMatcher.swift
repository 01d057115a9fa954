/// Finds stop strings in text that arrives in pieces, and holds back text that may begin one.
///
/// What it returns does not depend on how the text is cut: the first stop string to be complete ends the text, and
/// of two that are complete at the same byte the longer one does. Comparison is by UTF-8 bytes.
public struct StopMatcher: Sendable {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// Whether a stop string was found; nothing is returned after that.
  public private(set) var isMatched = false

  /// A matcher for `stops`; empty strings are ignored.
  public init(_ stops: [String]) {
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// Takes the next piece of text and returns what can be shown: never a stop string or a part of one.
  public mutating func append(_ text: String) -> String {
    if isMatched { return "" }
    if stops.isEmpty { return text }
    held += Array(text.utf8)
    if let match = firstMatch() {
      isMatched = true
      let shown = held[..<match.lowerBound]
      held = []
      return String(decoding: shown, as: UTF8.self)
    }
    let cut = held.count - pendingLength()
    let shown = String(decoding: held[..<cut], as: UTF8.self)
    held.removeFirst(cut)
    return shown
  }

  /// Returns the text still held back, when no more follows.
  public mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  private func firstMatch() -> Range<Int>? {
    var first: Range<Int>?
    for stop in stops where stop.count <= held.count {
      let lastStart = held.count - stop.count
      guard let start = (0...lastStart).first(where: { held[$0...].starts(with: stop) }) else { continue }
      let range = start..<(start + stop.count)
      guard let other = first else {
        first = range
        continue
      }
      if (range.upperBound, range.lowerBound) < (other.upperBound, other.lowerBound) { first = range }
    }
    return first
  }

  /// The length of the longest end of the text that begins a stop string.
  private func pendingLength() -> Int {
    var longest = 0
    for stop in stops {
      for length in stride(from: min(stop.count - 1, held.count), to: longest, by: -1)
      where held.suffix(length).elementsEqual(stop.prefix(length)) {
        longest = length
        break
      }
    }
    return longest
  }
}
