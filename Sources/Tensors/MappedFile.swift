import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A whole file mapped read-only; pages are read when first touched.
public final class MappedFile: @unchecked Sendable {
  /// The path as given.
  public let path: String
  /// The bytes of the file; valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer

  /// Maps the file at `path`. An empty file gives an empty buffer.
  ///
  /// - Throws: `TensorError` (`cannotOpenFile`) that names the path and the system's reason.
  public init(path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else {
      throw TensorError(.cannotOpenFile, "cannot open \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, (status.st_mode & S_IFMT) == S_IFREG else {
      throw TensorError(.cannotOpenFile, "\(path) is not a regular file")
    }
    let size = Int(status.st_size)
    if size == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw TensorError(.cannotOpenFile, "cannot map \(path): \(String(cString: strerror(errno)))")
    }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  /// Takes the pages that have been read out of the process's memory; whoever reads them again finds the same bytes, in the
  /// system's cache or on disk.
  public func releasePages() {
    if let base = bytes.baseAddress {
      madvise(UnsafeMutableRawPointer(mutating: base), bytes.count, MADV_DONTNEED)
    }
  }

  /// As `releasePages()`, for those pages that lie wholly in `part` of the file.
  func releasePages(_ part: UnsafeRawBufferPointer) {
    guard let start = part.baseAddress else { return }
    let page = Int(getpagesize())
    let first = (Int(bitPattern: start) + page - 1) / page * page
    let end = (Int(bitPattern: start) + part.count) / page * page
    guard first < end, let address = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(address, end - first, MADV_DONTNEED)
  }

  deinit {
    if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
  }
}
