/// The keys and values of one sequence, block by block.
///
/// Each block keeps, per key-value head, `capacity` rows of `headDimension` floats. A cache belongs to one sequence
/// and is used by one forward pass at a time.
public final class KeyValueCache: @unchecked Sendable {
  /// The most positions this cache can hold.
  public let capacity: Int
  /// The positions filled so far.
  public private(set) var count = 0
  let headDimension: Int
  let keyValueHeadCount: Int
  private let keys: UnsafeMutablePointer<Float>
  private let values: UnsafeMutablePointer<Float>
  private let layerStride: Int

  package init(_ configuration: ModelConfiguration, layers: Int? = nil, capacity: Int) {
    self.capacity = capacity
    headDimension = configuration.headDimension
    keyValueHeadCount = configuration.keyValueHeadCount
    layerStride = capacity * headDimension * keyValueHeadCount
    let size = max(1, layerStride * (layers ?? configuration.layerCount))
    // Untouched pages of a fresh allocation cost nothing, so a long context is paid for as it fills.
    keys = .allocate(capacity: size)
    values = .allocate(capacity: size)
  }

  deinit {
    keys.deallocate()
    values.deallocate()
  }

  /// Forgets everything after the first `count` positions.
  public func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  package func advance(by tokens: Int) {
    count += tokens
  }

  /// `[capacity, headDimension]` of one head of one block.
  func keys(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    keys + layer * layerStride + head * capacity * headDimension
  }

  /// `[capacity, headDimension]` of one head of one block.
  func values(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    values + layer * layerStride + head * capacity * headDimension
  }
}
