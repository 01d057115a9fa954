/// Finding and cutting, by bytes, which for UTF-8 is by scalars.
extension TemplateText {
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    if let result = try string.utf8.withContiguousStorageIfAvailable(body) { return result }
    return try Array(string.utf8).withUnsafeBufferPointer(body)
  }

  /// The byte offset of the first occurrence of a part within `start..<end`.
  func first(_ part: String, from start: Int = 0, to end: Int? = nil) -> Int? {
    withBytes { bytes in
      TemplateText(part).withBytes { ByteSearch.first($0, in: bytes, start..<(end ?? bytes.count)) }
    }
  }

  /// The byte offset of the last occurrence of a part within `start..<end`.
  func last(_ part: String, from start: Int = 0, to end: Int? = nil) -> Int? {
    withBytes { bytes in
      TemplateText(part).withBytes { ByteSearch.last($0, in: bytes, start..<(end ?? bytes.count)) }
    }
  }

  func hasPrefix(_ prefix: String, from start: Int = 0) -> Bool {
    string.utf8.dropFirst(start).starts(with: prefix.utf8)
  }

  func hasSuffix(_ suffix: String) -> Bool {
    count >= suffix.utf8.count && string.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// How many scalars the first `offset` bytes hold.
  func scalarOffset(_ offset: Int) -> Int {
    withBytes { bytes in bytes[..<offset].count { $0 & 0xc0 != 0x80 } }
  }

  /// The byte offset of the scalar at an index, counted from a byte offset; the length where the text ends before.
  func byteOffset(ofScalar index: Int, from start: Int = 0) -> Int {
    withBytes { bytes in
      var left = index
      for offset in start..<bytes.count where bytes[offset] & 0xc0 != 0x80 {
        if left == 0 { return offset }
        left -= 1
      }
      return bytes.count
    }
  }

  /// Python's `text[start:stop]`.
  func scalarSlice(_ start: Int?, _ stop: Int?) -> TemplateText {
    let needsLength = (start ?? 0) < 0 || (stop ?? 0) < 0
    let length = needsLength ? string.scalarCount : count
    func offset(_ bound: Int) -> Int {
      byteOffset(ofScalar: max(0, min(length, bound < 0 ? bound.advancedSafely(by: length) : bound)))
    }
    let first = start.map(offset) ?? 0
    let last = stop.map(offset) ?? count
    return first < last ? slice(first..<last) : TemplateText()
  }

  /// The pieces between occurrences of a separator, at most `limit` cuts; from the right where `fromEnd`.
  func split(_ separator: String, limit: Int, fromEnd: Bool) -> [TemplateText] {
    var pieces: [TemplateText] = []
    let size = separator.utf8.count
    if fromEnd {
      var end = count
      while limit < 0 || pieces.count < limit, let cut = last(separator, to: end) {
        pieces.append(slice(cut + size..<end))
        end = cut
      }
      return [slice(0..<end)] + pieces.reversed()
    }
    var start = 0
    while limit < 0 || pieces.count < limit, let cut = first(separator, from: start) {
      pieces.append(slice(start..<cut))
      start = cut + size
    }
    return pieces + [slice(start..<count)]
  }

  /// The byte ranges of the runs of scalars that are not white space.
  var wordRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start: Int?
    var offset = 0
    for scalar in string.unicodeScalars {
      if scalar.isPythonSpace {
        if let begin = start { ranges.append(begin..<offset) }
        start = nil
      } else if start == nil {
        start = offset
      }
      offset += scalar.utf8Width
    }
    if let start { ranges.append(start..<offset) }
    return ranges
  }

  /// The text without the scalars at its ends that `isStripped` names.
  func stripped(left: Bool, right: Bool, _ isStripped: (Unicode.Scalar) -> Bool) -> TemplateText {
    let scalars = string.unicodeScalars
    var (start, end) = (scalars.startIndex, scalars.endIndex)
    while left, start < end, isStripped(scalars[start]) { start = scalars.index(after: start) }
    while right, start < end {
      let last = scalars.index(before: end)
      guard isStripped(scalars[last]) else { break }
      end = last
    }
    let utf8 = string.utf8
    let offset = utf8.distance(from: utf8.startIndex, to: start)
    return slice(offset..<offset + utf8.distance(from: start, to: end))
  }

  /// Python's `replace`, at most `limit` times where it is not negative.
  func replacing(
    _ old: String, _ new: TemplateText, limit: Int, _ interpreter: Interpreter
  ) throws -> TemplateText {
    let pieces: [TemplateText]
    if old.isEmpty {
      let cuts = limit < 0 ? Int.max : limit
      guard cuts > 0 else { return self }
      let characters = try interpreter.characters(of: self)
      let head = characters.prefix(cuts - 1)
      let tail = TemplateText.joined(characters.dropFirst(head.count))
      pieces = [TemplateText()] + head + (head.count < characters.count || cuts > characters.count ? [tail] : [])
    } else {
      pieces = split(old, limit: limit, fromEnd: false)
    }
    let growth = new.count.multipliedReportingOverflow(by: pieces.count)
    try interpreter.chargeCopy(growth.overflow ? .max : growth.partialValue.advancedSafely(by: count))
    var result = TemplateText()
    for (index, piece) in pieces.enumerated() {
      if index > 0 { result.append(new) }
      result.append(piece)
    }
    return result
  }

  /// Python's `splitlines`.
  func lines(keepsEnds: Bool) -> [TemplateText] {
    var lines: [TemplateText] = []
    var (start, offset) = (0, 0)
    var previous: Unicode.Scalar?
    for scalar in string.unicodeScalars {
      let end = offset
      offset += scalar.utf8Width
      defer { previous = scalar }
      if scalar == "\n", previous == "\r" {
        if keepsEnds, let last = lines.popLast() { lines.append(.joined([last, slice(end..<offset)])) }
        start = offset
        continue
      }
      guard scalar.isLineBreak else { continue }
      lines.append(slice(start..<(keepsEnds ? offset : end)))
      start = offset
    }
    if start < count { lines.append(slice(start..<count)) }
    return lines
  }
}

/// Search of bytes in time linear in both texts.
enum ByteSearch {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  /// The longest part that is compared byte by byte at each place.
  private static let short = 32

  static func first(_ part: Bytes, in bytes: Bytes, _ range: Range<Int>) -> Int? {
    guard let head = part.first else { return range.lowerBound <= bytes.count ? range.lowerBound : nil }
    guard part.count <= range.count else { return nil }
    guard part.count <= short else { return matched(part, in: bytes, range, forward: true) }
    var index = range.lowerBound
    let last = range.upperBound - part.count
    while index <= last {
      if bytes[index] == head, (1..<part.count).allSatisfy({ bytes[index + $0] == part[$0] }) { return index }
      index += 1
    }
    return nil
  }

  static func last(_ part: Bytes, in bytes: Bytes, _ range: Range<Int>) -> Int? {
    guard part.count <= range.count else { return nil }
    guard part.count <= short else {
      return matched(part, in: bytes, range, forward: false)
    }
    var index = range.upperBound - part.count
    while index >= range.lowerBound {
      if (0..<part.count).allSatisfy({ bytes[index + $0] == part[$0] }) { return index }
      index -= 1
    }
    return nil
  }

  /// The search of Knuth, Morris and Pratt, over both texts from the left or from the right.
  private static func matched(_ part: Bytes, in bytes: Bytes, _ range: Range<Int>, forward: Bool) -> Int? {
    func wanted(_ index: Int) -> UInt8 { part[forward ? index : part.count - 1 - index] }
    var fallback = [Int](repeating: 0, count: part.count)
    var length = 0
    for index in 1..<part.count {
      while length > 0, wanted(index) != wanted(length) { length = fallback[length - 1] }
      if wanted(index) == wanted(length) { length += 1 }
      fallback[index] = length
    }
    length = 0
    for step in 0..<range.count {
      let index = forward ? range.lowerBound + step : range.upperBound - 1 - step
      while length > 0, bytes[index] != wanted(length) { length = fallback[length - 1] }
      if bytes[index] == wanted(length) { length += 1 }
      if length == part.count { return forward ? index + 1 - part.count : index }
    }
    return nil
  }
}

extension Unicode.Scalar {
  /// Whether Python's `splitlines` ends a line here.
  var isLineBreak: Bool {
    switch value {
    case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}
