/// The keys and values of one sequence, block by block.
///
/// Each block keeps, per key-value head, rows of a key and of a value; latent attention keeps one row per position
/// that serves all heads as both. Memory follows the positions in use, up to `capacity`. A cache belongs to one sequence and is used by one forward pass at a time.
public final class KeyValueCache: @unchecked Sendable {
  /// The most positions this cache can hold.
  public let capacity: Int
  /// The positions filled so far.
  public var count: Int { tokens.count }
  /// The ids at the filled positions.
  public private(set) var tokens: [Int] = []
  /// The length of the sequence when its last positions were filled: what decided their rotary frequencies.
  private(set) var rotaryLength = 0
  private var layers: [Layer]
  /// The positions there is memory for.
  private var allocated = 0

  /// What one block keeps.
  struct Rows: Equatable {
    let heads: Int
    let keyDimension: Int
    /// Zero where the key's row serves as the value too.
    let valueDimension: Int

    init(_ attention: AttentionConfiguration) {
      switch attention.projections {
      case .separate, .fused:
        (heads, keyDimension, valueDimension) = (
          attention.keyValueHeadCount, attention.headDimension, attention.headDimension
        )
      case .latent(let latent):
        (heads, keyDimension, valueDimension) = (1, latent.keyValueRank + latent.rotaryDimension, 0)
      }
    }
  }

  private struct Layer {
    let rows: Rows
    var memory: UnsafeMutablePointer<Float>
  }

  /// Memory grows in steps of at least this many positions.
  private static let smallestStep = 256

  package convenience init(_ blocks: [BlockConfiguration], capacity: Int) {
    self.init(rows: blocks.map { Rows($0.attention) }, capacity: capacity)
  }

  private init(rows: [Rows], capacity: Int) {
    self.capacity = capacity
    layers = rows.map { Layer(rows: $0, memory: .allocate(capacity: 1)) }
  }

  deinit {
    for layer in layers { layer.memory.deallocate() }
  }

  /// Forgets everything after the first `count` positions.
  public func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    tokens.removeLast(self.count - count)
  }

  /// A cache of its own with the first `count` positions of this one, for a sequence that begins alike.
  public func copy(first count: Int, capacity: Int) -> KeyValueCache {
    precondition(count >= 0 && count <= self.count && count <= capacity)
    let copy = KeyValueCache(rows: layers.map(\.rows), capacity: capacity)
    copy.reserve(count)
    for (from, to) in zip(layers, copy.layers) {
      Self.copy(first: count, of: from.rows, from.memory, room: allocated, to: to.memory, room: copy.allocated)
    }
    copy.tokens = Array(tokens[..<count])
    copy.rotaryLength = rotaryLength
    return copy
  }

  /// Bytes of keys and values there is memory for.
  public var byteCount: Int {
    layers.reduce(0) { $0 + 4 * $1.rows.heads * allocated * ($1.rows.keyDimension + $1.rows.valueDimension) }
  }

  /// Bytes of keys and values for each position of a sequence.
  package static func bytesPerPosition(_ blocks: [BlockConfiguration]) -> Int {
    blocks.map { Rows($0.attention) }.reduce(0) { $0 + 4 * $1.heads * ($1.keyDimension + $1.valueDimension) }
  }

  /// Makes room for `positions` positions, twice as many as before or more, so that a growing sequence is seldom copied.
  func reserve(_ positions: Int) {
    guard positions > allocated else { return }
    let next = min(capacity, max(positions, 2 * allocated, Self.smallestStep))
    for index in layers.indices {
      let (rows, old) = (layers[index].rows, layers[index].memory)
      let new = UnsafeMutablePointer<Float>.allocate(
        capacity: max(1, rows.heads * next * (rows.keyDimension + rows.valueDimension)))
      Self.copy(first: count, of: rows, old, room: allocated, to: new, room: next)
      old.deallocate()
      layers[index].memory = new
    }
    allocated = next
  }

  /// Copies the first `count` positions of one block between memories that have room for so many.
  private static func copy(
    first count: Int, of rows: Rows, _ from: UnsafePointer<Float>, room fromRoom: Int,
    to: UnsafeMutablePointer<Float>, room toRoom: Int
  ) {
    for (offset, width) in [(0, rows.keyDimension), (rows.keyDimension, rows.valueDimension)] {
      for head in 0..<rows.heads {
        (to + toRoom * (rows.heads * offset + head * width)).update(
          from: from + fromRoom * (rows.heads * offset + head * width), count: count * width)
      }
    }
  }

  package func advance(by tokens: [Int]) {
    self.tokens += tokens
    rotaryLength = count
  }

  /// `[reserved positions, keyDimension]` of one head of one block.
  func keys(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    let layer = layers[layer]
    return layer.memory + head * allocated * layer.rows.keyDimension
  }

  /// `[reserved positions, valueDimension]` of one head of one block; the keys where they serve as values.
  func values(layer index: Int, head: Int) -> UnsafeMutablePointer<Float> {
    let layer = layers[index]
    if layer.rows.valueDimension == 0 { return keys(layer: index, head: head) }
    return layer.memory + allocated * (layer.rows.heads * layer.rows.keyDimension + head * layer.rows.valueDimension)
  }
}
