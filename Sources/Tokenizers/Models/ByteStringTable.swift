/// Byte strings numbered by token id, with a hash index from bytes to id.
///
/// Keys are bytes, never `String`: canonically equal spellings are different tokens.
struct ByteStringTable: Sendable {
  private struct Place: BitwiseCopyable {
    var start: Int32 = 0
    /// Length in bytes, −1 where the id has no string.
    var count: Int32 = -1
  }

  /// The strings, then as many zeros as are read beyond them.
  private let storage: [UInt8]
  private let places: LargeArray<Place>
  private let index: HashIndex<UInt64>
  private let hash: ByteHash

  /// The strings of a list, whose ids are not negative and below `idLimit`; of equal strings, and of equal ids, the last
  /// one counts.
  init(_ pieces: PieceList, idLimit: Int) {
    var places = LargeArray(repeating: Place(), count: idLimit)
    let padding = 16
    storage = Array(unsafeUninitializedCapacity: pieces.byteCount + padding) { storage, used in
      let raw = UnsafeMutableRawBufferPointer(storage)
      places.withUnsafeMutableBufferPointer { places in
        pieces.forEach { piece, id in
          if piece.count <= 16 {
            // What follows the string gives way to the next one.
            let words = piece.words
            raw.storeBytes(of: words.first.littleEndian, toByteOffset: used, as: UInt64.self)
            raw.storeBytes(of: words.second.littleEndian, toByteOffset: used + 8, as: UInt64.self)
          } else {
            UnsafeMutableRawBufferPointer(rebasing: raw[used...]).copyMemory(from: UnsafeRawBufferPointer(piece.bytes))
          }
          places[id] = Place(start: Int32(truncatingIfNeeded: used), count: Int32(truncatingIfNeeded: piece.count))
          used += piece.count
        }
      }
      UnsafeMutableRawBufferPointer(rebasing: raw[used...]).initializeMemory(as: UInt8.self, repeating: 0)
      used = storage.count
    }
    let hash = ByteHash()
    var index = HashIndex<UInt64>(count: pieces.count, highest: idLimit - 1)
    storage.withUnsafeBufferPointer { storage in
      places.withUnsafeBufferPointer { places in
        func string(_ id: Int) -> ByteSlice { ByteSlice(storage, Int(places[id].start), Int(places[id].count)) }
        index.fill(pieces.ids) {
          hash(string($0))
        } isSame: {
          string($0) == string($1)
        }
      }
    }
    self.hash = hash
    self.places = places
    self.index = index
  }

  /// One more than the highest id that may be used.
  var idLimit: Int { places.count }

  /// The id of a byte string, or −1.
  @inline(__always)
  func id(of string: ByteSlice) -> Int32 {
    storage.withUnsafeBufferPointer { storage in
      places.withUnsafeBufferPointer { places in
        Int32(
          truncatingIfNeeded: index.number(hash(string)) { id in
            ByteSlice(storage, Int(places[id].start), Int(places[id].count)) == string
          })
      }
    }
  }

  /// Finds the ids of byte strings, −1 where one is not there.
  ///
  /// Each step is taken for all strings before the next one: in so short loops the processor waits for many places of
  /// the memory at once. Bytes are not compared: a string that is not there is taken for another one where seeded hashes agree
  /// in all of 64 bits but those of an id, which is one chance in 10¹³ for a vocabulary of 2¹⁷ tokens.
  func find(_ strings: UnsafeBufferPointer<ByteSlice>, into ids: UnsafeMutableBufferPointer<Int32>) {
    guard index.hasDistinctHashes else {
      for position in strings.indices { ids.initializeElement(at: position, to: id(of: strings[position])) }
      return
    }
    withUnsafeTemporaryAllocation(of: HashIndex<UInt64>.Probe.self, capacity: strings.count) { probes in
      for position in strings.indices {
        probes.initializeElement(at: position, to: index.probe(hash(strings[position])))
      }
      for position in probes.indices { index.read(&probes[position]) }
      for position in probes.indices {
        ids.initializeElement(
          at: position, to: Int32(truncatingIfNeeded: index.number(probes[position]) { _ in true }))
      }
    }
  }

  /// The id of a byte string, or −1.
  func id(of bytes: UnsafeBufferPointer<UInt8>) -> Int32 { id(of: ByteSlice(bytes)) }

  /// The id of a byte string, or −1.
  func id(of bytes: [UInt8]) -> Int32 { bytes.withUnsafeBufferPointer { id(of: $0) } }

  /// Whether there is a string of this id.
  @inline(__always)
  func hasString(_ id: Int) -> Bool { places.indices.contains(id) && places[id].count >= 0 }

  /// The bytes of an id, or nil where the id has none.
  subscript(id: Int) -> ArraySlice<UInt8>? {
    guard hasString(id) else { return nil }
    let start = Int(places[id].start)
    return storage[start..<start + Int(places[id].count)]
  }

  /// Whether the id has exactly the bytes of two strings, one after the other.
  @inline(__always)
  func spells(_ id: Int, _ left: ByteSlice, _ right: ByteSlice) -> Bool {
    guard places.indices.contains(id), Int(places[id].count) == left.count + right.count else { return false }
    let start = Int(places[id].start)
    return storage.withUnsafeBufferPointer { storage in
      if left.count + right.count <= 8 {
        let joined = left.words.first | right.words.first &<< UInt64(truncatingIfNeeded: 8 &* left.count)
        // A left side of eight bytes leaves none on the right, whose number is zero.
        return ByteSlice(storage, start, left.count + right.count).words.first == joined
      }
      return ByteSlice(storage, start, left.count) == left
        && ByteSlice(storage, start + left.count, right.count) == right
    }
  }

  /// Calls `body` with the bytes of an id; they are none where the id has no string.
  @inline(__always)
  func withBytes<Result>(_ id: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    let start = Int(places[id].start)
    let end = start + Int(max(places[id].count, 0))
    return storage.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
  }
}
