import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension CheckpointError {
  /// The failure of a call on the file at `path`.
  static func writing(_ path: String, _ code: Int32 = errno, bytesNeeded: Int? = nil) -> CheckpointError {
    let needed = bytesNeeded.map { " (\($0) bytes needed)" } ?? ""
    return CheckpointError(.cannotWrite, "cannot write \(path): \(String(cString: strerror(code)))\(needed)")
  }
}
