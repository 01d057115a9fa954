import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file written under a temporary name beside its final one, which it takes only when complete.
///
/// Dropped before `publish()`, it removes what it wrote. What a killed process left behind is removed by the next one that
/// writes the same file: the living hold a lock on theirs. A process that exceeds its file size limit is killed by
/// SIGXFSZ unless it ignores that signal (the command does); ignored, the limit is an ordinary error here.
final class TemporaryFile {
  let path: String
  private var temporaryPath = ""
  private let expectedBytes: Int
  private var descriptor: Int32 = -1
  private var exists = true

  /// Creates the temporary file, and its folder if need be; `expectedBytes` is only named in messages.
  init(path: String, expectedBytes: Int) throws {
    self.path = path
    self.expectedBytes = expectedBytes
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent()
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError(.cannotWrite, "cannot make the folder \(folder.path): \(error.localizedDescription)")
    }
    Self.removeOrphans(of: url.lastPathComponent, in: folder.path)
    var status = stat()
    repeat {
      if descriptor >= 0 { close(descriptor) }
      let suffix = String(UInt64.random(in: 0 ... .max), radix: 36)
      temporaryPath = folder.appendingPathComponent(".\(url.lastPathComponent).\(suffix).partial").path
      descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL, 0o644)
      if descriptor < 0 {
        exists = false
        throw failure("create")
      }
      _ = flock(descriptor, LOCK_EX)
      // Before it was locked, another process that writes the same file could take it for an orphan.
    } while fstat(descriptor, &status) == 0 && status.st_nlink == 0
  }

  /// Removes temporary files of this name whose process is gone.
  private static func removeOrphans(of name: String, in folder: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for orphan in names where orphan.hasPrefix(".\(name).") && orphan.hasSuffix(".partial") {
      let path = folder + "/" + orphan
      let descriptor = open(path, O_RDONLY)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if exists { unlink(temporaryPath) }
  }

  /// Appends all bytes.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      #if canImport(Glibc)
        let written = Glibc.write(descriptor, base, min(rest.count, 1 << 30))
      #else
        let written = Darwin.write(descriptor, base, min(rest.count, 1 << 30))
      #endif
      if written < 0 {
        if errno == EINTR { continue }
        throw failure("write")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Forces the bytes to the disk; the file keeps its temporary name.
  func seal() throws {
    guard fsync(descriptor) == 0 else { throw failure("write") }
  }

  /// Gives the file its final name, replacing a file of that name.
  func publish() throws {
    try seal()
    guard rename(temporaryPath, path) == 0 else { throw failure("rename to") }
    exists = false
    Self.synchronizeFolder(of: path)
  }

  /// Makes renames in the folder of `path` survive a power failure; file systems without this are left alone.
  private static func synchronizeFolder(of path: String) {
    let descriptor = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private func failure(_ verb: String) -> CheckpointError {
    let reason = String(cString: strerror(errno))
    return CheckpointError(.cannotWrite, "cannot \(verb) \(path): \(reason) (\(expectedBytes) bytes needed)")
  }
}
