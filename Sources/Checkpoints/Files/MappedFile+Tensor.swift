import Foundation
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension MappedFile {
  /// Kernels may read this many bytes beyond the last element.
  private static let slack = 64

  /// A view of `range` as a tensor; a copy where the file's layout does not align the elements, or where the mapping
  /// ends too close behind them for kernels that read ahead.
  func tensor(_ range: Range<Int>, dtype: DType, shape: Shape) throws -> Tensor {
    try checkLength()
    let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let mappedEnd = (bytes.count + pageSize - 1) / pageSize * pageSize
    // The mapping starts on a page, so offsets in the file align like addresses.
    if range.lowerBound % dtype.byteCount == 0, mappedEnd - range.upperBound >= Self.slack {
      return Tensor(viewing: slice, owner: self, dtype: dtype, shape: shape)
    }
    return Tensor(dtype: dtype, shape: shape) { $0.copyMemory(from: slice) }
  }

  /// Refuses a file that was cut after it was mapped: reading its lost pages would end the process. A file cut later
  /// than this check cannot be guarded against.
  func checkLength() throws {
    var status = stat()
    if stat(path, &status) == 0, Int(status.st_size) < bytes.count {
      throw CheckpointError(
        .malformedFile, "\(path) lost \(bytes.count - Int(status.st_size)) bytes while it was open")
    }
  }
}
