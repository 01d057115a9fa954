/// What a decoder has unpacked: a window of it stays for references, what was not given out yet waits.
struct UnpackedBytes {
  /// Room for more than `count` bytes.
  private var storage: [UInt8] = []
  /// Bytes that are held.
  private(set) var count = 0
  /// Bytes of these that were given out.
  private var given = 0
  /// How far back references may reach.
  private var window: Int

  init(window: Int) { self.window = window }

  /// Bytes that wait to be given out.
  var waiting: Int { count - given }

  /// Makes room for more bytes; what was there is copied seldom.
  private mutating func grow(_ more: Int) {
    guard storage.count - count < more else { return }
    storage.append(contentsOf: repeatElement(0, count: max(more, storage.count, 1 << 10)))
  }

  mutating func append(_ byte: UInt8) {
    grow(1)
    storage[count] = byte
    count += 1
  }

  mutating func append(_ piece: UnsafeRawBufferPointer) {
    grow(piece.count)
    storage.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[count...]).copyMemory(from: piece) }
    count += piece.count
  }

  mutating func append(_ byte: UInt8, count repeats: Int) {
    grow(repeats)
    for index in count..<count + repeats { storage[index] = byte }
    count += repeats
  }

  /// Repeats `length` bytes from `distance` back, which may overlap what is written; false if that is before the start or
  /// the window.
  mutating func copy(distance: Int, length: Int) -> Bool {
    guard distance > 0, distance <= count, distance <= window else { return false }
    grow(length)
    storage.withUnsafeMutableBytes { bytes in
      let target = UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
      if distance >= length {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[count - distance..<count - distance + length]))
      } else {
        for index in count..<count + length { bytes[index] = bytes[index - distance] }
      }
    }
    count += length
    return true
  }

  /// What waits; nil if nothing does. What lies before the window is dropped.
  mutating func take() -> [UInt8]? {
    guard waiting > 0 else { return nil }
    let piece = Array(storage[given..<count])
    if count > 1 << 17, count / 2 > window { drop(count - window) }
    given = count
    return piece
  }

  /// All bytes that are held.
  func all() -> [UInt8] { Array(storage[..<count]) }

  /// Forgets everything that was given out: nothing refers across what begins now.
  mutating func begin(window: Int) {
    drop(given)
    given = 0
    self.window = window
  }

  private mutating func drop(_ first: Int) {
    storage.withUnsafeMutableBytes { bytes in
      let rest = UnsafeRawBufferPointer(rebasing: bytes[first..<count])
      UnsafeMutableRawBufferPointer(rebasing: bytes[..<rest.count]).copyMemory(from: rest)
    }
    count -= first
  }
}
