import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bytes of a file, copied.
func readFile(_ path: String) throws -> [UInt8] { try withFile(path) { Array($0) } }

/// Calls `body` with the bytes of a file, which are only there while it runs.
///
/// A regular file is mapped, so that no memory is filled with it; it must not be cut short meanwhile.
func withFile<Result>(_ path: String, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) throws -> Result {
  let failure = TokenizerError(.cannotReadFile, "\(path): cannot be read; check that the file exists")
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { throw failure }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw failure }
  guard status.st_size < TextSpans.longestFile else {
    throw TokenizerError(.malformedFile, "\(path): \(status.st_size) bytes are too many for a tokenizer's file")
  }
  let size = Int(status.st_size)
  guard status.st_mode & S_IFMT == S_IFREG, size > 0 else {
    guard let bytes = readToEnd(descriptor) else { throw failure }
    return try bytes.withUnsafeBufferPointer(body)
  }
  guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else { throw failure }
  defer { munmap(base, size) }
  return try body(UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt8.self), count: size))
}

/// What is left of a file whose size is not known; nil where it cannot be read.
private func readToEnd(_ descriptor: Int32) -> [UInt8]? {
  var bytes: [UInt8] = []
  let room = 1 << 16
  while true {
    var count = 0
    let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, used in
      count = read(descriptor, buffer.baseAddress, room)
      used = max(0, count)
    }
    if count <= 0 { return count == 0 ? bytes : nil }
    bytes += part
  }
}
