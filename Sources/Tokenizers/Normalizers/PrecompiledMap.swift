/// SentencePiece's compiled normalization rules: a double-array trie of source texts, and their replacements.
///
/// Four bytes give the length of the trie in bytes, its units follow, then the replacements, each ended by a zero byte.
struct PrecompiledMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// Reads a compiled map; nil where it is not one.
  init?(_ blob: [UInt8]) {
    guard blob.count >= 4 else { return nil }
    let size = (0..<4).reduce(0) { $0 | Int(blob[$1]) << (8 * $1) }
    guard size % 4 == 0, size > 0, size <= blob.count - 4 else { return nil }
    units = (0..<size / 4).map { index in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(blob[4 + index * 4 + $1]) << UInt32(8 * $1) }
    }
    replacements = Array(blob[(4 + size)...])
  }

  /// The replacement of the shortest or longest entry that begins at `start`, with the end of what it replaces.
  func match(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, longest: Bool
  ) -> (end: Int, replacement: ArraySlice<UInt8>)? {
    var node = 0
    var found: (end: Int, value: Int)?
    guard let root = units.first else { return nil }
    node ^= Self.offset(root)
    for index in range {
      let byte = text[index]
      if byte == 0 { break }
      node ^= Int(byte)
      guard units.indices.contains(node), units[node] & (1 << 31 | 0xff) == UInt32(byte) else { break }
      let unit = units[node]
      node ^= Self.offset(unit)
      guard units.indices.contains(node) else { break }
      if unit >> 8 & 1 == 1 {
        found = (index + 1, Int(units[node] & 0x7fff_ffff))
        if !longest { break }
      }
    }
    guard let found, found.value <= replacements.count else { return nil }
    return (found.end, replacements[found.value...].prefix { $0 != 0 })
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }

  /// Replaces whole grapheme clusters of less than six bytes first, then single scalars.
  func apply(to text: inout AlignedText) {
    var changes: [(scalar: UInt32, change: Int)] = []
    var isModified = false
    text.bytes.withUnsafeBufferPointer { bytes in
      func transform(_ range: Range<Int>) -> Bool {
        guard let match = match(bytes, range, longest: false) else { return false }
        isModified = true
        Self.append(match.replacement, insteadOf: bytes[range], to: &changes)
        return true
      }
      var start = 0
      for character in String(decoding: bytes, as: UTF8.self) {
        let end = start + character.utf8.count
        if end - start >= 6 || !transform(start..<end) {
          var index = start
          while index < end {
            let (scalar, length) = UTF8Scalar.decode(bytes, at: index)
            if !transform(index..<index + length) { changes.append((scalar, 0)) }
            index += length
          }
        }
        start = end
      }
    }
    guard isModified else { return }
    var rewriter = TextRewriter(text)
    for change in changes { rewriter.emit(change.scalar, change: change.change) }
    text = rewriter.finish()
  }

  /// Scalars replace one another in turn; more of them stand beside the last, and the last stands for those too many.
  private static func append(
    _ new: some Sequence<UInt8>, insteadOf old: some Sequence<UInt8>,
    to changes: inout [(scalar: UInt32, change: Int)]
  ) {
    let scalars = UTF8Scalar.scalars(of: new)
    let difference = scalars.count - old.reduce(0) { $0 + ($1 & 0xc0 != 0x80 ? 1 : 0) }
    changes += scalars.map { ($0, 0) }
    if difference > 0 {
      for index in changes.indices.suffix(difference) { changes[index].change = 1 }
    } else if difference < 0, !changes.isEmpty {
      changes[changes.count - 1].change += difference
    }
  }
}
