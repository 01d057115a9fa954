/// Token spellings as a file gives them, in one run of bytes.
struct PieceList: Sendable {
  private(set) var storage: [UInt8] = []
  private var ends: [Int] = []
  /// The id of each piece.
  private(set) var ids: [Int] = []
  /// The score of each piece, where the file has them.
  var scores: [Double] = []

  /// The number of pieces.
  var count: Int { ids.count }

  /// Adds a piece.
  mutating func append(_ bytes: some Sequence<UInt8>, id: Int) {
    storage.append(contentsOf: bytes)
    close(id: id)
  }

  /// Lets `write` add the bytes of a piece to the storage, and gives it an id.
  mutating func append(id: Int, _ write: (inout [UInt8]) throws -> Void) rethrows {
    try write(&storage)
    close(id: id)
  }

  /// Ends the piece whose bytes `withStorage` added.
  mutating func close(id: Int) {
    ends.append(storage.count)
    ids.append(id)
  }

  /// Lets `write` add bytes to the storage.
  mutating func withStorage<Result>(_ write: (inout [UInt8]) throws -> Result) rethrows -> Result {
    try write(&storage)
  }

  /// Visits the pieces in order.
  func forEach(_ body: (_ piece: UnsafeBufferPointer<UInt8>, _ id: Int) throws -> Void) rethrows {
    try storage.withUnsafeBufferPointer { storage in
      var start = 0
      for index in ids.indices {
        try body(UnsafeBufferPointer(rebasing: storage[start..<ends[index]]), ids[index])
        start = ends[index]
      }
    }
  }
}

/// The merges of byte-pair encoding as a file gives them, in order of rank.
struct MergeList: Sendable {
  private(set) var storage: [UInt8] = []
  /// Where the left and the right side of each merge end.
  private var ends: [(left: Int, right: Int)] = []

  /// The number of merges.
  var count: Int { ends.count }

  /// Adds a merge of two spellings.
  mutating func append(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) {
    storage.append(contentsOf: left)
    let middle = storage.count
    storage.append(contentsOf: right)
    ends.append((middle, storage.count))
  }

  /// Adds a merge written with a space between its sides; false where it is not that.
  mutating func append(spaced merge: some Collection<UInt8>) -> Bool {
    guard let space = merge.firstIndex(of: 0x20), space != merge.startIndex else { return false }
    let right = merge[merge.index(after: space)...]
    guard !right.isEmpty, !right.contains(0x20) else { return false }
    append(merge[..<space], right)
    return true
  }

  /// Lets `write` add the bytes of both sides to the storage; it returns where the left one ends, nil where it failed.
  mutating func append(_ write: (inout [UInt8]) throws -> Int?) rethrows -> Bool {
    guard let middle = try write(&storage) else { return false }
    ends.append((middle, storage.count))
    return true
  }

  /// Visits the merges in order of rank: both sides, and both together.
  func forEach(
    _ body: (
      _ rank: Int, _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>,
      _ joined: UnsafeBufferPointer<UInt8>
    ) throws -> Void
  ) rethrows {
    try storage.withUnsafeBufferPointer { storage in
      var start = 0
      for (rank, end) in ends.enumerated() {
        try body(
          rank, UnsafeBufferPointer(rebasing: storage[start..<end.left]),
          UnsafeBufferPointer(rebasing: storage[end.left..<end.right]),
          UnsafeBufferPointer(rebasing: storage[start..<end.right]))
        start = end.right
      }
    }
  }
}
