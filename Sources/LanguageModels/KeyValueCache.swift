/// The keys and values of one sequence, block by block.
///
/// Each block keeps, per key-value head, `capacity` rows of a key and of a value; latent attention keeps one row per position
/// that serves all heads as both. A cache belongs to one sequence and is used by one forward pass at a time.
public final class KeyValueCache: @unchecked Sendable {
  /// The most positions this cache can hold.
  public let capacity: Int
  /// The positions filled so far.
  public var count: Int { tokens.count }
  /// The ids at the filled positions.
  public private(set) var tokens: [Int] = []
  /// The length of the sequence when its last positions were filled: what decided their rotary frequencies.
  private(set) var rotaryLength = 0
  private let layers: [Layer]

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
    let memory: UnsafeMutablePointer<Float>
  }

  package init(_ blocks: [BlockConfiguration], capacity: Int) {
    self.capacity = capacity
    layers = blocks.map { block in
      let rows = Rows(block.attention)
      // Untouched pages of a fresh allocation cost nothing, so a long context is paid for as it fills.
      let size = rows.heads * capacity * (rows.keyDimension + rows.valueDimension)
      return Layer(rows: rows, memory: .allocate(capacity: max(1, size)))
    }
  }

  deinit {
    for layer in layers { layer.memory.deallocate() }
  }

  /// Forgets everything after the first `count` positions.
  public func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    tokens.removeLast(self.count - count)
  }

  package func advance(by tokens: [Int]) {
    self.tokens += tokens
    rotaryLength = count
  }

  /// `[capacity, keyDimension]` of one head of one block.
  func keys(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    let layer = layers[layer]
    return layer.memory + head * capacity * layer.rows.keyDimension
  }

  /// `[capacity, valueDimension]` of one head of one block; the keys where they serve as values.
  func values(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    let layer = layers[layer]
    if layer.rows.valueDimension == 0 { return keys(layer: layer, head: head) }
    return layer.memory + capacity * (layer.rows.heads * layer.rows.keyDimension + head * layer.rows.valueDimension)
  }

  private func keys(layer: Layer, head: Int) -> UnsafeMutablePointer<Float> {
    layer.memory + head * capacity * layer.rows.keyDimension
  }
}
