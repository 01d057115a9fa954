/// Bytes that come piece by piece, so that no more than a piece and what its packing refers back to is held.
package protocol ByteSource {
  /// The next bytes; nil at the end.
  ///
  /// - Throws: `DataFileError`.
  mutating func next() throws -> [UInt8]?
}

/// The bytes of a buffer as they are.
struct PlainBytes: ByteSource {
  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  mutating func next() throws -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    let piece = [UInt8](rest.prefix(1 << 16))
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
    return piece
  }
}
