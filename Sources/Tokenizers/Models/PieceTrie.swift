/// The pieces of a vocabulary as a tree of bytes: all pieces that begin at one place of a text are found in one walk.
///
/// Nodes are numbered; the edges lie in one open-addressed table from (node, byte) to node.
struct PieceTrie: Sendable {
  private var keys: [UInt32]
  private var children: [Int32]
  /// The id of the piece that ends at each node, or −1.
  private var ids: [Int32] = [-1]
  private var roots = [Int32](repeating: -1, count: 256)
  private var used = 0

  init(capacity: Int = 16) {
    var size = 64
    while size < capacity * 2 { size *= 2 }
    keys = Array(repeating: 0, count: size)
    children = Array(repeating: 0, count: size)
  }

  /// Adds a piece; of equal pieces the last one counts, unless `keepsFirst`.
  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, id: Int32, keepsFirst: Bool = false) {
    guard let first = piece.first else { return }
    var node = roots[Int(first)]
    if node < 0 {
      node = newNode()
      roots[Int(first)] = node
    }
    for byte in piece.dropFirst() {
      if let next = child(of: node, byte) {
        node = next
        continue
      }
      let next = newNode()
      link(node, byte, next)
      node = next
    }
    if !keepsFirst || ids[Int(node)] < 0 { ids[Int(node)] = id }
  }

  /// Visits the pieces that begin at `start`, the shortest first.
  @inline(__always)
  func forEachPrefix(
    of text: UnsafeBufferPointer<UInt8>, at start: Int, upTo end: Int, _ body: (_ id: Int32, _ end: Int) -> Void
  ) {
    guard start < end else { return }
    var node = roots[Int(text[start])]
    var index = start + 1
    while node >= 0 {
      let id = ids[Int(node)]
      if id >= 0 { body(id, index) }
      guard index < end, let next = child(of: node, text[index]) else { return }
      node = next
      index += 1
    }
  }

  /// Whether a piece begins with this byte.
  @inline(__always)
  func canStart(with byte: UInt8) -> Bool { roots[Int(byte)] >= 0 }

  /// The longest piece that begins at `start`.
  @inline(__always)
  func longestPrefix(of text: UnsafeBufferPointer<UInt8>, at start: Int, upTo end: Int) -> (id: Int32, end: Int)? {
    var found: (Int32, Int)?
    forEachPrefix(of: text, at: start, upTo: end) { found = ($0, $1) }
    return found
  }

  private mutating func newNode() -> Int32 {
    ids.append(-1)
    return Int32(ids.count - 1)
  }

  @inline(__always)
  private static func key(_ node: Int32, _ byte: UInt8) -> UInt32 {
    UInt32(bitPattern: node) << 8 | UInt32(byte)
  }

  @inline(__always)
  private func slot(of key: UInt32, mask: Int) -> Int {
    var hash = UInt64(key) &* 0x9e37_79b9_7f4a_7c15
    hash ^= hash >> 32
    return Int(truncatingIfNeeded: hash) & mask
  }

  @inline(__always)
  private func child(of node: Int32, _ byte: UInt8) -> Int32? {
    let key = Self.key(node, byte)
    return keys.withUnsafeBufferPointer { keys in
      let mask = keys.count - 1
      var index = slot(of: key, mask: mask)
      while keys[index] != 0 {
        if keys[index] == key { return children[index] }
        index = (index + 1) & mask
      }
      return nil
    }
  }

  private mutating func link(_ node: Int32, _ byte: UInt8, _ child: Int32) {
    if (used + 1) * 2 > keys.count { grow() }
    place(Self.key(node, byte), child)
    used += 1
  }

  private mutating func place(_ key: UInt32, _ child: Int32) {
    let mask = keys.count - 1
    var index = slot(of: key, mask: mask)
    while keys[index] != 0 { index = (index + 1) & mask }
    keys[index] = key
    children[index] = child
  }

  private mutating func grow() {
    let old = zip(keys, children).filter { $0.0 != 0 }
    let size = keys.count * 2
    keys = Array(repeating: 0, count: size)
    children = Array(repeating: 0, count: size)
    for (key, child) in old { place(key, child) }
  }
}
