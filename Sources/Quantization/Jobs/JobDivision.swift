import LanguageModels

/// Into how many tasks a quantization is cut; the model that comes out is the same whatever it is.
public struct JobDivision: Sendable, Equatable {
  /// Parts of the calibration text whose windows pass a block in tasks of their own; at least 1.
  public var shards: Int
  /// Tasks that share the matrices of one block; at least 1.
  public var partsPerBlock: Int

  /// One task for the statistics and one for the matrices of each block, unless told otherwise.
  public init(shards: Int = 1, partsPerBlock: Int = 1) {
    self.shards = shards
    self.partsPerBlock = partsPerBlock
  }

  /// The windows of each shard, none of them empty.
  ///
  /// Windows go through a block a few at a time; a shard holds whole passes, so that each pass is the same in all divisions.
  func shardRanges(windows: Int) -> [Range<Int>] {
    let size = BlockRunner.windowsPerPass
    let passes = (windows + size - 1) / size
    let count = min(max(1, shards), max(1, passes))
    return (0..<count).map { shard in
      min(windows, shard * passes / count * size)..<min(windows, (shard + 1) * passes / count * size)
    }
  }

  /// The matrices of each part of a block of `count` matrices, none of them empty; of a block without any, no part.
  func partRanges(matrices count: Int) -> [Range<Int>] {
    let parts = min(max(1, partsPerBlock), count)
    return (0..<parts).map { $0 * count / parts..<($0 + 1) * count / parts }
  }
}
