import Foundation
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Room for many residual streams of one size: in memory where they fit, else in a file without a name, which is gone with the
/// process.
final class StreamStore {
  private let floats: Int
  private var buffers: [FloatBuffer] = []
  private var descriptor: Int32 = -1
  private let folder: String

  /// - Parameters:
  ///   - count: streams.
  ///   - floats: of each.
  ///   - memoryLimit: bytes that all may take in memory.
  ///   - folder: where the file is made.
  /// - Throws: `QuantizationError` (`cannotWrite`).
  init(count: Int, floats: Int, memoryLimit: Int, folder: String) throws {
    (self.floats, self.folder) = (floats, folder)
    if 4 * floats * count <= memoryLimit {
      buffers = (0..<count).map { _ in FloatBuffer(count: floats) }
      return
    }
    let path = "\(folder)/.streams.\(getpid()).\(UInt64.random(in: 0 ... .max))"
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
    guard descriptor >= 0 else { throw failure("make a file for residual streams") }
    unlink(path)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  var isFile: Bool { descriptor >= 0 }

  func write(_ index: Int, from states: UnsafePointer<Float>) throws {
    guard isFile else { return buffers[index].base.update(from: states, count: floats) }
    try whole("write residual streams", at: index) {
      pwrite(descriptor, UnsafeRawPointer(states) + $0, $1, off_t($2))
    }
  }

  func read(_ index: Int, into states: UnsafeMutablePointer<Float>) throws {
    guard isFile else { return states.update(from: buffers[index].base, count: floats) }
    try whole("read residual streams", at: index) {
      pread(descriptor, UnsafeMutableRawPointer(states) + $0, $1, off_t($2))
    }
  }

  private func whole(_ what: String, at index: Int, _ move: (_ done: Int, _ count: Int, _ offset: Int) -> Int) throws {
    let bytes = 4 * floats
    var done = 0
    while done < bytes {
      let count = move(done, min(bytes - done, 1 << 30), index * bytes + done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure(what) }
      done += count
    }
  }

  private func failure(_ what: String) -> QuantizationError {
    QuantizationError(.cannotWrite, "cannot \(what) in \(folder): \(String(cString: strerror(errno)))")
  }
}
