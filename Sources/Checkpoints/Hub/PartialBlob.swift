import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The part of a blob that has arrived, in a file that stays when the process ends, with its running checksum.
final class PartialBlob {
  let path: String
  /// In bytes.
  private(set) var size = 0
  private let name: BlobName
  private let expectedSize: Int
  private let descriptor: Int32
  private var checksum: BlobChecksum

  /// Opens the file and reads what an earlier run has left in it.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`), `CancellationError`.
  init(path: String, name: BlobName, expectedSize: Int) throws {
    self.path = path
    self.name = name
    self.expectedSize = expectedSize
    checksum = BlobChecksum(of: name, length: expectedSize)
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CheckpointError.writing(path) }
    try readExisting()
  }

  deinit { close(descriptor) }

  private func readExisting() throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      try Task.checkCancellation()
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CheckpointError.writing(path) }
      if count == 0 { break }
      size += count
      if size > expectedSize { return try restart() }
      buffer.withUnsafeBytes { checksum.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  /// Appends bytes.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`), for instance on a full disk.
  func append(_ data: [UInt8]) throws {
    try data.withUnsafeBytes { bytes in
      var rest = bytes
      while let base = rest.baseAddress, !rest.isEmpty {
        let written = pwrite(descriptor, base, rest.count, off_t(size))
        if written < 0 {
          if errno == EINTR { continue }
          throw CheckpointError.writing(path, bytesNeeded: expectedSize)
        }
        checksum.update(UnsafeRawBufferPointer(rebasing: rest[..<written]))
        size += written
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }

  /// Forgets all bytes.
  func restart() throws {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw CheckpointError.writing(path)
    }
    size = 0
    checksum = BlobChecksum(of: name, length: expectedSize)
  }

  /// Whether the bytes are those that the name promises.
  var isRight: Bool { size == expectedSize && checksum.isRight }

  /// Forces the bytes to the disk and gives the file its final name.
  func publish(as final: String) throws {
    guard fsync(descriptor) == 0, rename(path, final) == 0 else {
      throw CheckpointError.writing(final, bytesNeeded: expectedSize)
    }
  }

  /// Removes the file.
  func discard() { unlink(path) }
}
