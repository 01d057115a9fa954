/// The unpacked bytes of a page, which its readers refer to.
final class PageBytes {
  let bytes: UnsafeRawBufferPointer
  private let isOwn: Bool

  /// Bytes that live elsewhere for as long.
  init(viewing bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    isOwn = false
  }

  init(_ unpacked: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: unpacked.count, alignment: 8)
    unpacked.withUnsafeBytes { copy.copyMemory(from: $0) }
    bytes = UnsafeRawBufferPointer(copy)
    isOwn = true
  }

  deinit { if isOwn { bytes.deallocate() } }

  /// Unpacks a page.
  ///
  /// - Parameters:
  ///   - codec: `CompressionCodec` of `parquet.thrift`.
  ///   - size: what it unpacks to, as its header tells.
  /// - Throws: `DataFileError`.
  static func unpacked(_ packed: UnsafeRawBufferPointer, codec: Int, size: Int) throws -> PageBytes {
    switch codec {
    case 0:
      guard packed.count == size else {
        throw DataFileError.malformed("a page of another length than its header tells")
      }
      return PageBytes(viewing: packed)
    case 1: return PageBytes(try Snappy.unpack(packed, size: size))
    case 2: return PageBytes(try whole(Gzip(packed), size: size, limit: 1100 * packed.count))
    case 6:
      // Equal bytes shrink to almost nothing, but pages are not that large.
      let limit = max(1100 * packed.count, min(40_000 * packed.count, 8 << 20))
      return PageBytes(try whole(Zstandard(packed), size: size, limit: limit))
    default:
      let names = [3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4"]
      throw DataFileError(
        .unsupported, "its pages are packed by \(names[codec] ?? "codec \(codec)"), which is not read here")
    }
  }

  private static func whole(_ source: some ByteSource, size: Int, limit: Int) throws -> [UInt8] {
    guard size <= limit else { throw DataFileError.malformed("a page that would unpack to \(size) bytes") }
    var source = source
    var bytes: [UInt8] = []
    while let piece = try source.next() {
      bytes += piece
      guard bytes.count <= size else { break }
    }
    guard bytes.count == size else { throw DataFileError.malformed("a page of another length than its header tells") }
    return bytes
  }
}
