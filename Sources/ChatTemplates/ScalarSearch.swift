/// Finds text in text by bytes, which for UTF-8 is by scalars; canonical equivalents differ.
struct ScalarSearch {
  let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  /// The byte offset of the first occurrence at or after `start`.
  func first(_ part: String, from start: Int = 0) -> Int? {
    let part = Array(part.utf8)
    guard let head = part.first else { return start <= bytes.count ? start : nil }
    guard part.count <= bytes.count else { return nil }
    var index = start
    while index <= bytes.count - part.count {
      if bytes[index] == head, bytes[index..<index + part.count].elementsEqual(part) { return index }
      index += 1
    }
    return nil
  }

  /// The byte offset of the last occurrence that ends at or before `end`.
  func last(_ part: String, before end: Int? = nil) -> Int? {
    let part = Array(part.utf8)
    var index = (end ?? bytes.count) - part.count
    while index >= 0 {
      if bytes[index..<index + part.count].elementsEqual(part) { return index }
      index -= 1
    }
    return nil
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// How many scalars the first `offset` bytes hold.
  func scalarOffset(_ offset: Int) -> Int { bytes[..<offset].count { $0 & 0xc0 != 0x80 } }

  /// The pieces between occurrences of a separator, at most `limit` cuts; from the right where `fromEnd`.
  func split(_ separator: String, limit: Int, fromEnd: Bool) -> [String] {
    var pieces: [String] = []
    let size = separator.utf8.count
    if fromEnd {
      var end = bytes.count
      while limit < 0 || pieces.count < limit, let cut = last(separator, before: end) {
        pieces.append(text(cut + size..<end))
        end = cut
      }
      return [text(0..<end)] + pieces.reversed()
    }
    var start = 0
    while limit < 0 || pieces.count < limit, let cut = first(separator, from: start) {
      pieces.append(text(start..<cut))
      start = cut + size
    }
    return pieces + [text(start..<bytes.count)]
  }
}
