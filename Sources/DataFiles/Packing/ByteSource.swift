/// Bytes that come piece by piece, so that no more than a piece and what its packing refers back to is held.
package protocol ByteSource {
  /// The next bytes; nil at the end.
  ///
  /// - Throws: `DataFileError`.
  mutating func next() throws -> [UInt8]?
}

/// The bytes of a buffer as they are.
struct PlainBytes: ByteSource {
  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  mutating func next() throws -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    let piece = [UInt8](rest.prefix(1 << 16))
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
    return piece
  }
}

/// What a decoder has unpacked: a window of it stays for references, what was not given out yet waits.
struct UnpackedBytes {
  private(set) var bytes: [UInt8] = []
  /// Bytes of `bytes` that were given out.
  private var given = 0
  /// How far back references may reach.
  var window: Int

  init(window: Int) { self.window = window }

  /// Bytes that wait to be given out.
  var waiting: Int { bytes.count - given }

  mutating func append(_ byte: UInt8) { bytes.append(byte) }

  mutating func append(_ piece: UnsafeRawBufferPointer) { bytes.append(contentsOf: piece) }

  mutating func append(_ byte: UInt8, count: Int) { bytes.append(contentsOf: repeatElement(byte, count: count)) }

  /// Repeats `length` bytes from `distance` back, which may overlap what is written; false if that is before the start or
  /// the window.
  mutating func copy(distance: Int, length: Int) -> Bool {
    guard distance > 0, distance <= bytes.count, distance <= window else { return false }
    let start = bytes.count - distance
    if distance >= length {
      bytes.append(contentsOf: bytes[start..<start + length])
    } else {
      bytes.reserveCapacity(bytes.count + length)
      for index in start..<start + length { bytes.append(bytes[index]) }
    }
    return true
  }

  /// What waits; nil if nothing does. What lies before the window is dropped.
  mutating func take() -> [UInt8]? {
    guard waiting > 0 else { return nil }
    let piece = [UInt8](bytes[given...])
    if bytes.count > 1 << 17, bytes.count / 2 > window { bytes.removeFirst(bytes.count - window) }
    given = bytes.count
    return piece
  }

  /// Forgets everything that was given out: nothing refers across what begins now.
  mutating func begin(window: Int) {
    bytes.removeFirst(given)
    given = 0
    self.window = window
  }
}
