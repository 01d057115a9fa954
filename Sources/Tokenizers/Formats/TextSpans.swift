/// Byte strings of a file: most lie in it as they are, and the others beside it.
struct TextSpans {
  /// Where a string lies: an offset in the file, or beyond its end in the bytes beside it.
  struct Span: Sendable, BitwiseCopyable {
    var start: UInt32
    var count: UInt32
  }

  /// Offsets have 32 bits; no vocabulary is that long.
  static let longestFile = 1 << 31

  /// The file, which must outlive the spans.
  private let file: UnsafeBufferPointer<UInt8>
  private var beside: [UInt8] = []

  /// Strings that lie in no file.
  init() { file = UnsafeBufferPointer(start: nil, count: 0) }

  /// The strings of a file of less than `longestFile` bytes.
  init(of file: UnsafeBufferPointer<UInt8>) { self.file = file }

  /// A string that lies in the file.
  @inline(__always)
  func span(inFile range: Range<Int>) -> Span {
    Span(start: UInt32(truncatingIfNeeded: range.lowerBound), count: UInt32(truncatingIfNeeded: range.count))
  }

  /// Lets `write` add a string beside the file.
  mutating func span(_ write: (inout [UInt8]) throws -> Void) throws -> Span {
    let start = beside.count
    try write(&beside)
    guard beside.count < Self.longestFile else {
      throw TokenizerError(.malformedFile, "a vocabulary of more than \(Self.longestFile) bytes; check the file")
    }
    return Span(
      start: UInt32(truncatingIfNeeded: file.count + start), count: UInt32(truncatingIfNeeded: beside.count - start))
  }

  /// Calls `body` with what finds the bytes of a span.
  func withBytes<Result>(_ body: (Reader) throws -> Result) rethrows -> Result {
    try beside.withUnsafeBufferPointer { beside in try body(Reader(file: file, beside: beside)) }
  }

  /// Finds the bytes of spans.
  struct Reader {
    fileprivate let file: UnsafeBufferPointer<UInt8>
    fileprivate let beside: UnsafeBufferPointer<UInt8>

    /// The bytes of a span.
    @inline(__always)
    subscript(span: Span) -> ByteSlice {
      let start = Int(span.start)
      return start < file.count
        ? ByteSlice(file, start, Int(span.count)) : ByteSlice(beside, start - file.count, Int(span.count))
    }
  }
}
