/// Text on its way to the model, with the place in the original text each of its bytes came from.
///
/// The places are those of whole characters, as in the `tokenizers` library: each byte of a character has the range of
/// the character it was made from.
struct AlignedText {
  /// A range of bytes of the original text.
  struct Source: Equatable {
    var start: Int32
    var end: Int32

    init(_ start: Int, _ end: Int) {
      self.start = Int32(truncatingIfNeeded: start)
      self.end = Int32(truncatingIfNeeded: end)
    }
  }

  /// Valid UTF-8.
  var bytes: [UInt8]
  /// Source of each byte in the original text; nil where byte i came from byte `base + i`.
  var sources: [Source]?
  /// The original offset of the first byte while `sources` is nil.
  var base = 0
  /// Whether sources are kept at all: who wants ids only does not pay for them.
  var isTracked = true

  /// The original bytes that gave the byte at `index`.
  func source(at index: Int) -> Source {
    if let sources { return sources[index] }
    return bytes.withUnsafeBufferPointer { bytes in
      let start = bytes[index] & 0xc0 == 0x80 ? UTF8Scalar.start(before: index + 1, in: bytes) : index
      return Source(base + start, base + start + UTF8Scalar.length(lead: bytes[start]))
    }
  }

  /// The original bytes that gave the bytes of `range`, which must not be empty.
  func source(of range: Range<Int>) -> (start: Int, end: Int) {
    let start = Int(source(at: range.lowerBound).start)
    return (start, max(start, Int(source(at: range.upperBound - 1).end)))
  }

  /// A part of the text.
  func slice(_ range: Range<Int>) -> AlignedText {
    let start = sources.flatMap { $0.indices.contains(range.lowerBound) ? Int($0[range.lowerBound].start) : nil }
    return AlignedText(
      bytes: Array(bytes[range]), sources: sources.map { Array($0[range]) }, base: start ?? base + range.lowerBound,
      isTracked: isTracked)
  }
}
