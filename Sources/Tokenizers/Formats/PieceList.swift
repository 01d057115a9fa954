/// Token spellings as a file gives them.
struct PieceList {
  private struct Piece: BitwiseCopyable {
    var span: TextSpans.Span
    var id: Int32
  }

  var text: TextSpans
  private var pieces = LargeArray<Piece>()
  /// The sum of the lengths of all pieces.
  private(set) var byteCount = 0
  /// The lowest id, at most zero; with `highestID` it tells whether the others, of 32 bits, are true.
  private(set) var lowestID = 0
  private(set) var highestID = -1
  /// The score of each piece, where the file has them.
  var scores: [Double] = []

  /// An empty list of spellings.
  init(of text: TextSpans = TextSpans()) { self.text = text }

  /// The number of pieces.
  var count: Int { pieces.count }

  /// The id of each piece.
  var ids: some RandomAccessCollection<Int> { pieces.lazy.map { Int($0.id) } }

  /// Adds a piece.
  mutating func append(_ bytes: some Sequence<UInt8>, id: Int) throws {
    append(try text.span { $0.append(contentsOf: bytes) }, id: id)
  }

  /// Adds a piece that is a span of `text`.
  @inline(__always)
  mutating func append(_ span: TextSpans.Span, id: Int) {
    pieces.append(Piece(span: span, id: Int32(truncatingIfNeeded: id)))
    byteCount += Int(span.count)
    lowestID = min(lowestID, id)
    highestID = max(highestID, id)
  }

  /// Makes room for as many pieces as so many bytes of a file are likely to have.
  mutating func reserve(forBytes count: Int) { pieces.reserveCapacity(count / 32) }

  /// Visits the pieces in order.
  @inline(__always)
  func forEach(_ body: (_ piece: ByteSlice, _ id: Int) throws -> Void) rethrows {
    try text.withBytes { bytes in
      try pieces.withUnsafeBufferPointer { for piece in $0 { try body(bytes[piece.span], Int(piece.id)) } }
    }
  }
}
