import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A lock among processes on a file of its own, held until it is dropped; the lock of PyPI `filelock` (`flock`).
final class FileLock: Sendable {
  private let descriptor: Int32

  /// Waits until nobody else holds the lock; `onWait` is called once if it is held now.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) if the file cannot be made, `CancellationError`.
  init(path: String, onWait: () -> Void = {}) async throws {
    var waits = 0
    while true {
      if let descriptor = try Self.attempt(path) {
        self.descriptor = descriptor
        return
      }
      if waits == 0 { onWait() }
      waits += 1
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  deinit { close(descriptor) }

  private static func attempt(_ path: String) throws -> Int32? {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CheckpointError.writing(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      // A file system without locks: two writers could spoil each other's work, which the checksum then finds out.
      if [ENOSYS, ENOLCK, ENOTSUP, EOPNOTSUPP].contains(code) { return descriptor }
      close(descriptor)
      if code == EWOULDBLOCK || code == EINTR { return nil }
      throw CheckpointError.writing(path, code)
    }
    // Whoever held the lock may have removed the file: then it guards nothing.
    var mine = stat()
    var current = stat()
    guard fstat(descriptor, &mine) == 0, stat(path, &current) == 0, mine.st_ino == current.st_ino else {
      close(descriptor)
      return nil
    }
    return descriptor
  }
}
