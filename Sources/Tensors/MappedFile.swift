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
  /// The file itself, which another of its name may have replaced meanwhile; negative for an empty one.
  private let descriptor: Int32
  /// What it lies on.
  private let device: dev_t

  /// Maps the file at `path`. An empty file gives an empty buffer.
  ///
  /// - Throws: `TensorError` (`cannotOpenFile`) that names the path and the system's reason.
  public init(path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TensorError(.cannotOpenFile, "cannot open \(path): \(String(cString: strerror(errno)))")
    }
    var isKept = false
    defer { if !isKept { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0, (status.st_mode & S_IFMT) == S_IFREG else {
      throw TensorError(.cannotOpenFile, "\(path) is not a regular file")
    }
    let size = Int(status.st_size)
    device = status.st_dev
    if size == 0 {
      self.descriptor = -1
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw TensorError(.cannotOpenFile, "cannot map \(path): \(String(cString: strerror(errno)))")
    }
    isKept = true
    self.descriptor = descriptor
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  /// Copies `part` of the file, of whose pages none comes into the process's memory; false if that fails.
  func read(_ part: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    guard let own = bytes.baseAddress, let base = part.baseAddress else { return part.isEmpty }
    return pread(descriptor, target.baseAddress, part.count, off_t(base - own)) == part.count
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
    guard let pages = Self.pages(part, whole: true) else { return }
    madvise(pages.baseAddress, pages.count, MADV_DONTNEED)
  }

  /// Asks the system to read `part` of the file; returns when that is asked, not when it is done.
  func readAhead(_ part: UnsafeRawBufferPointer) {
    guard let pages = Self.pages(part, whole: false), let base = pages.baseAddress else { return }
    let piece = readAheadPiece
    var start = 0
    while start < pages.count {
      let count = min(piece, pages.count - start)
      madvise(base + start, count, MADV_WILLNEED)
      start += count
    }
  }

  /// Linux reads no more for one such call than its own read-ahead of the device, 128 KiB unless set otherwise.
  private var readAheadPiece: Int {
    #if os(Linux)
      let (major, minor) = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00)
      let text = FileManager.default.contents(atPath: "/sys/class/bdi/\(major):\(minor)/read_ahead_kb")
      let kibibytes = text.flatMap { Int(String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }) } ?? 128
      return min(max(kibibytes, 128), 2048) << 10
    #else
      return 1 << 20
    #endif
  }

  /// Tells the system whether reads of `part` are scattered, so that it reads nothing around them.
  func adviseScattered(_ part: UnsafeRawBufferPointer, _ isScattered: Bool) {
    guard let pages = Self.pages(part, whole: true) else { return }
    madvise(pages.baseAddress, pages.count, isScattered ? MADV_RANDOM : MADV_NORMAL)
  }

  /// As `releasePages(_:)`, and lets the system forget what it keeps of those pages, so that they do not push out others.
  func dropPages(_ part: UnsafeRawBufferPointer) {
    releasePages(part)
    #if os(Linux)
      guard let pages = Self.pages(part, whole: true), let start = pages.baseAddress, let own = bytes.baseAddress
      else { return }
      posix_fadvise(descriptor, off_t(UnsafeRawPointer(start) - own), off_t(pages.count), POSIX_FADV_DONTNEED)
    #endif
  }

  /// The pages that lie wholly in `part`, or all that it touches.
  private static func pages(_ part: UnsafeRawBufferPointer, whole: Bool) -> UnsafeMutableRawBufferPointer? {
    guard let base = part.baseAddress else { return nil }
    let page = Int(getpagesize())
    let (start, end) = (Int(bitPattern: base), Int(bitPattern: base) + part.count)
    let first = (whole ? start + page - 1 : start) / page * page
    let last = (whole ? end : end + page - 1) / page * page
    guard first < last, let address = UnsafeMutableRawPointer(bitPattern: first) else { return nil }
    return UnsafeMutableRawBufferPointer(start: address, count: last - first)
  }

  deinit {
    if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
      close(descriptor)
    }
  }
}
