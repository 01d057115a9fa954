/// Byte strings numbered by token id, with a hash index from bytes to id.
///
/// Keys are bytes, never `String`: canonically equal spellings are different tokens.
struct ByteStringTable: Sendable {
  private var storage: [UInt8] = []
  private var starts: [Int32] = []
  /// Length in bytes, −1 where the id has no string.
  private var lengths: [Int32] = []
  /// The upper half of the hash, then the id plus one; zero where the slot is free.
  private var slots: [UInt64]
  private var used = 0
  private let hash = ByteHash()
  /// The longest string in bytes.
  private(set) var longest = 0

  /// An empty table with room for `capacity` strings and ids below `idLimit`.
  init(capacity: Int, idLimit: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: 0, count: size)
    starts = Array(repeating: 0, count: idLimit)
    lengths = Array(repeating: -1, count: idLimit)
    storage.reserveCapacity(capacity * 8)
  }

  /// One more than the highest id that may be used.
  var idLimit: Int { lengths.count }

  /// Whether all ids have their place; ids beyond it may be added.
  mutating func extend(toIDLimit limit: Int) {
    guard limit > idLimit else { return }
    starts.append(contentsOf: repeatElement(0, count: limit - starts.count))
    lengths.append(contentsOf: repeatElement(-1, count: limit - lengths.count))
  }

  /// Stores the string of an id; `indexed` also makes it findable by its bytes (the last one wins).
  mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, id: Int, indexed: Bool = true) {
    starts[id] = Int32(truncatingIfNeeded: storage.count)
    lengths[id] = Int32(truncatingIfNeeded: bytes.count)
    storage.append(contentsOf: bytes)
    longest = max(longest, bytes.count)
    guard indexed else { return }
    if used * 2 >= slots.count { grow() }
    let hash = hash(bytes)
    let index = slot(of: bytes, hash)
    if slots[index] == 0 { used += 1 }
    slots[index] = hash & ~0xffff_ffff | UInt64(id + 1)
  }

  /// Stores the string of an id.
  mutating func insert(_ bytes: [UInt8], id: Int) { bytes.withUnsafeBufferPointer { insert($0, id: id) } }

  /// The id of a byte string, or −1.
  @inline(__always)
  func id(of bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
    Int32(truncatingIfNeeded: slots[slot(of: bytes, hash(bytes))] & 0xffff_ffff) - 1
  }

  /// The id of a byte string, or −1.
  func id(of bytes: [UInt8]) -> Int32 { bytes.withUnsafeBufferPointer { id(of: $0) } }

  /// The bytes of an id, or nil where the id has none.
  subscript(id: Int) -> ArraySlice<UInt8>? {
    guard lengths.indices.contains(id), lengths[id] >= 0 else { return nil }
    let start = Int(starts[id])
    return storage[start..<start + Int(lengths[id])]
  }

  /// Whether the id has exactly these bytes.
  func matches(_ id: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    lengths.indices.contains(id) && equals(id, bytes)
  }

  /// Calls `body` with the bytes of an id, which must have some string.
  @inline(__always)
  func withBytes<Result>(_ id: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    let start = Int(starts[id])
    let end = start + Int(max(lengths[id], 0))
    return storage.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: 0, count: old.count * 2)
    for entry in old where entry != 0 {
      let id = Int(entry & 0xffff_ffff) - 1
      let index = withBytes(id) { slot(of: $0, hash($0)) }
      slots[index] = entry
    }
  }

  /// The slot that holds the string, or the free slot where it belongs.
  @inline(__always)
  private func slot(of bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
    slots.withUnsafeBufferPointer { slots in
      let mask = slots.count - 1
      var index = Int(truncatingIfNeeded: hash & 0xffff_ffff) & mask
      while true {
        let entry = slots[index]
        if entry == 0 { return index }
        if (entry ^ hash) >> 32 == 0, equals(Int(entry & 0xffff_ffff) - 1, bytes) { return index }
        index = (index + 1) & mask
      }
    }
  }

  @inline(__always)
  private func equals(_ id: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard Int(lengths[id]) == bytes.count else { return false }
    let start = Int(starts[id])
    return storage.withUnsafeBufferPointer { storage in
      for index in 0..<bytes.count where storage[start + index] != bytes[index] { return false }
      return true
    }
  }
}
