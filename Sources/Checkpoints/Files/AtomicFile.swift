#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Small files that are complete or absent.
public enum AtomicFile {
  /// Writes `bytes` under a temporary name in the same folder, forces them to the disk and renames.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) with the path, the reason and the bytes needed; a file that was at
  ///   `path` before is then unchanged.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    let file = try TemporaryFile(path: path, expectedBytes: bytes.count)
    try bytes.withUnsafeBytes { try file.write($0) }
    try file.publish()
  }

  /// Removes the file at `path` if there is one: what marks a folder as complete goes before its content is replaced.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) with the path and the reason.
  public static func remove(_ path: String) throws {
    if unlink(path) != 0, errno != ENOENT {
      throw CheckpointError(.cannotWrite, "cannot replace \(path): \(String(cString: strerror(errno)))")
    }
  }
}
