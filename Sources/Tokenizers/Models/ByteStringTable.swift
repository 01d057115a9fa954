/// Byte strings numbered by token id, with a hash index from bytes to id.
///
/// Keys are bytes, never `String`: canonically equal spellings are different tokens.
struct ByteStringTable: Sendable {
  private var storage: [UInt8] = []
  private var starts: [Int32] = []
  /// Length in bytes, −1 where the id has no string.
  private var lengths: [Int32] = []
  private var slots: [Int32]
  private let mask: Int
  private let seed = UInt64.random(in: 0...UInt64.max)

  /// An empty table with room for `capacity` strings and ids below `idLimit`.
  init(capacity: Int, idLimit: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: -1, count: size)
    mask = size - 1
    starts = Array(repeating: 0, count: idLimit)
    lengths = Array(repeating: -1, count: idLimit)
    storage.reserveCapacity(capacity * 8)
  }

  /// One more than the highest id that may be used.
  var idLimit: Int { lengths.count }

  /// Stores the string of an id; `indexed` also makes it findable by its bytes (the last one wins).
  mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, id: Int, indexed: Bool) {
    starts[id] = Int32(truncatingIfNeeded: storage.count)
    lengths[id] = Int32(truncatingIfNeeded: bytes.count)
    storage.append(contentsOf: bytes)
    guard indexed else { return }
    slots[slot(of: bytes)] = Int32(truncatingIfNeeded: id)
  }

  /// The id of a byte string, or −1.
  func id(of bytes: UnsafeBufferPointer<UInt8>) -> Int32 { slots[slot(of: bytes)] }

  /// The id of a byte string, or −1.
  func id(of bytes: [UInt8]) -> Int32 { bytes.withUnsafeBufferPointer { id(of: $0) } }

  /// The bytes of an id, or nil where the id has none.
  subscript(id: Int) -> ArraySlice<UInt8>? {
    guard lengths.indices.contains(id), lengths[id] >= 0 else { return nil }
    let start = Int(starts[id])
    return storage[start..<start + Int(lengths[id])]
  }

  /// The slot that holds the string, or the free slot where it belongs.
  private func slot(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var hash = seed
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash ^= hash >> 32
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index] >= 0, !equals(Int(slots[index]), bytes) { index = (index + 1) & mask }
    return index
  }

  private func equals(_ id: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard Int(lengths[id]) == bytes.count else { return false }
    let start = Int(starts[id])
    for index in 0..<bytes.count where storage[start + index] != bytes[index] { return false }
    return true
  }
}
