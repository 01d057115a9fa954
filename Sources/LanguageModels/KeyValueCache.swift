/// The keys and values of one sequence, block by block.
///
/// Each block keeps, per key-value head, rows of a key and of a value; latent attention keeps one row per position
/// that serves all heads as both. Memory follows the positions in use, up to `capacity`. A cache belongs to one sequence and is used by one forward pass at a time.
public final class KeyValueCache: @unchecked Sendable {
  /// The most positions this cache can hold.
  public let capacity: Int
  /// How keys and values are kept.
  public let form: CacheForm
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
    var memory: UnsafeMutableRawPointer
  }

  private static let alignment = 64
  /// Memory grows in steps of at least this many positions.
  private static let smallestStep = 256

  package convenience init(_ blocks: [BlockConfiguration], capacity: Int, form: CacheForm = .float32) {
    self.init(rows: blocks.map { Rows($0.attention) }, capacity: capacity, form: form)
  }

  private init(rows: [Rows], capacity: Int, form: CacheForm) {
    self.capacity = capacity
    self.form = form
    layers = rows.map { Layer(rows: $0, memory: .allocate(byteCount: 1, alignment: Self.alignment)) }
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
    let copy = KeyValueCache(rows: layers.map(\.rows), capacity: capacity, form: form)
    copy.reserve(count)
    for (from, to) in zip(layers, copy.layers) {
      from.rows.copy(first: count, from.memory, room: allocated, to: to.memory, room: copy.allocated, form)
    }
    copy.tokens = Array(tokens[..<count])
    copy.rotaryLength = rotaryLength
    return copy
  }

  /// Bytes of keys and values there is memory for.
  public var byteCount: Int {
    layers.reduce(0) { $0 + allocated * $1.rows.bytesPerPosition(form) }
  }

  /// Bytes of keys and values for each position of a sequence.
  package static func bytesPerPosition(_ blocks: [BlockConfiguration], form: CacheForm) -> Int {
    blocks.reduce(0) { $0 + Rows($1.attention).bytesPerPosition(form) }
  }

  /// Makes room for `positions` positions, twice as many as before or more, so that a growing sequence is seldom copied.
  func reserve(_ positions: Int) {
    guard positions > allocated else { return }
    let next = min(capacity, max(positions, 2 * allocated, Self.smallestStep))
    for index in layers.indices {
      let (rows, old) = (layers[index].rows, layers[index].memory)
      let new = UnsafeMutableRawPointer.allocate(
        byteCount: max(1, next * rows.bytesPerPosition(form)), alignment: Self.alignment)
      rows.copy(first: count, old, room: allocated, to: new, room: next, form)
      old.deallocate()
      layers[index].memory = new
    }
    allocated = next
  }

  package func advance(by tokens: [Int]) {
    self.tokens += tokens
    rotaryLength = count
  }

  /// What one block has kept. Its pointers hold until `reserve` or the end of this cache.
  func block(_ index: Int) -> CachedBlock {
    let layer = layers[index]
    return CachedBlock(rows: layer.rows, memory: layer.memory, room: allocated, form: form)
  }
}
