/// Text that knows which parts of it came from messages.
///
/// Every operation of the template language keeps the marks: a slice of a message is marked, a template's own words
/// beside it are not. Equality, order, length and hashing ignore them.
public struct TemplateText: Sendable {
  /// The text.
  public private(set) var string: String
  /// The UTF-8 ranges that came from messages: in order, not empty, and apart from each other.
  public private(set) var messageRanges: [Range<Int>] = []
  /// Whether it is `Markup`: made by `safe` or `escape`, it escapes what is joined to it by `+`.
  var isMarkup = false

  /// Text, which is a message's where `isFromMessage`.
  public init(_ string: String = "", isFromMessage: Bool = false) {
    self.string = string
    self.string.makeContiguousUTF8()
    if isFromMessage, !string.isEmpty { messageRanges = [0..<string.utf8.count] }
  }

  init(_ scalar: Unicode.Scalar, isFromMessage: Bool = false) {
    self.init(String(scalar), isFromMessage: isFromMessage)
  }

  /// The length in UTF-8 bytes.
  var count: Int { string.utf8.count }
  var isEmpty: Bool { string.isEmpty }
  var hasMarks: Bool { !messageRanges.isEmpty }

  mutating func append(_ other: TemplateText) {
    if !other.messageRanges.isEmpty { append(marksOf: other) }
    string += other.string
  }

  private mutating func append(marksOf other: TemplateText) {
    let offset = count
    for range in other.messageRanges { mark(range.lowerBound + offset..<range.upperBound + offset) }
  }

  mutating func append(_ other: String) { string += other }

  /// Appends text that is a message's where `isFromMessage`.
  mutating func append(_ other: String, isFromMessage: Bool) {
    if isFromMessage, !other.isEmpty { mark(count..<count + other.utf8.count) }
    string += other
  }

  private mutating func mark(_ range: Range<Int>) {
    if let last = messageRanges.last, last.upperBound == range.lowerBound {
      messageRanges[messageRanges.count - 1] = last.lowerBound..<range.upperBound
    } else {
      messageRanges.append(range)
    }
  }

  /// Whether the byte at an offset is a message's.
  func isMarked(at offset: Int) -> Bool { messageRanges.contains { $0.contains(offset) } }

  /// The part of a range of UTF-8 offsets that start scalars.
  func slice(_ range: Range<Int>) -> TemplateText {
    if range.lowerBound == 0, range.upperBound == count { return self }
    let utf8 = string.utf8
    let start = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
    let end = utf8.index(start, offsetBy: range.count)
    var result = TemplateText(String(string[start..<end]))
    result.isMarkup = isMarkup
    for marked in messageRanges where marked.overlaps(range) {
      let part = marked.clamped(to: range)
      result.messageRanges.append(part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound)
    }
    return result
  }

  /// The text, all of it a message's where any of `sources` has a message's part.
  static func derived(_ string: String, from sources: TemplateText...) -> TemplateText {
    TemplateText(string, isFromMessage: sources.contains(where: \.hasMarks))
  }

  /// The text `count` times.
  func repeated(_ count: Int) -> TemplateText {
    guard count > 0, !isEmpty else { return TemplateText() }
    guard hasMarks else { return TemplateText(String(repeating: string, count: count)) }
    var result = TemplateText()
    for _ in 0..<count { result.append(self) }
    return result
  }

  /// The text with the escaping state of another.
  func asMarkup(_ isMarkup: Bool) -> TemplateText {
    var result = self
    result.isMarkup = isMarkup
    return result
  }

  /// The text with HTML's special characters escaped, unless it is `Markup`; the result is.
  var escaped: TemplateText { isMarkup ? self : forceEscaped.asMarkup(true) }

  /// The text with HTML's special characters escaped.
  var forceEscaped: TemplateText {
    guard string.utf8.contains(where: { "&<>'\"".utf8.contains($0) }) else { return self }
    return mapScalars { scalars, index in
      switch scalars[index] {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "'": "&#39;"
      case "\"": "&#34;"
      default: String(scalars[index])
      }
    }
  }

  /// Each scalar as a text of its own.
  var characters: [TemplateText] {
    guard hasMarks else { return string.unicodeScalars.map { TemplateText($0) } }
    var offset = 0
    return string.unicodeScalars.map { scalar in
      defer { offset += scalar.utf8Width }
      return TemplateText(scalar, isFromMessage: isMarked(at: offset))
    }
  }

  /// Both texts in a row.
  func followed(by other: TemplateText) -> TemplateText {
    var result = TemplateText()
    result.string.reserveCapacity(count + other.count)
    result.append(self)
    result.append(other)
    return result
  }

  /// The texts in a row.
  static func joined(_ parts: some Sequence<TemplateText>) -> TemplateText {
    var result = TemplateText()
    for part in parts { result.append(part) }
    return result
  }
}

extension Unicode.Scalar {
  /// How many bytes UTF-8 needs.
  var utf8Width: Int { value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x1_0000 ? 3 : 4 }
}

extension String {
  /// Whether the scalars are equal; `==` also equates canonical equivalents.
  func hasSameScalars(as other: String) -> Bool {
    guard utf8.count == other.utf8.count else { return false }
    let compared = utf8.withContiguousStorageIfAvailable { left in
      other.utf8.withContiguousStorageIfAvailable { left.elementsEqual($0) }
    }
    return (compared ?? nil) ?? utf8.elementsEqual(other.utf8)
  }

  /// A number that equal texts share and few others do: FNV-1a, with the lowest bit set.
  var fingerprint: UInt64 {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return value | 1
  }

  /// How many scalars there are.
  var scalarCount: Int {
    let width = utf8.withContiguousStorageIfAvailable { bytes in
      var count = 0
      for byte in bytes where byte & 0xc0 != 0x80 { count += 1 }
      return count
    }
    return width ?? unicodeScalars.count
  }
}
