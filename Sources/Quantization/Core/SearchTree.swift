import CKernels
import Tensors

/// The centroids of a codebook sorted into blocks of neighbours with boxes around them, by which an exact search passes
/// most blocks over (`ck_sort_codebook`, `ck_bound_codebook`).
final class SearchTree: @unchecked Sendable {
  /// The codebook as the kernels read it; valid while this object lives.
  let codebook: ck_codebook
  private let floats: [FloatBuffer]
  private let places: UnsafeMutablePointer<Int32>
  private let axes: UnsafeMutablePointer<UInt16>

  /// Whether the search pays: where centroids lie dense, at a bit and a half per dimension or more, and blocks are many.
  static func isWorthwhile(count: Int, dimension: Int) -> Bool {
    count >= 1024 && count & (count - 1) == 0 && 2 * count.trailingZeroBitCount >= 3 * dimension
  }

  /// The tree of `count` centroids of `dimension` floats each; `count` is a power of two and at least 16.
  init(_ centroids: [Float], count: Int, dimension: Int) {
    precondition(count >= 16 && count & (count - 1) == 0 && centroids.count == count * dimension)
    let blocks = count / 16
    let places = UnsafeMutablePointer<Int32>.allocate(capacity: 2 * count)
    let order = places + count
    let axes = UnsafeMutablePointer<UInt16>.allocate(capacity: blocks)
    (self.places, self.axes) = (places, axes)
    let cuts = FloatBuffer(count: blocks)
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { keys in
      guard let keys = keys.baseAddress else { return }
      ck_sort_codebook(centroids, count, dimension, keys, order, places, axes, cuts.base)
    }
    let sorted = FloatBuffer(count: centroids.count)
    for place in 0..<count {
      for e in 0..<dimension {
        sorted.base[place * dimension + e] = centroids[Int(order[place]) * dimension + e]
      }
    }
    let blocked = FloatBuffer(count: count * dimension)
    let halfNorms = FloatBuffer(count: count)
    ck_block_codebook(sorted.base, count, dimension, blocked.base, halfNorms.base)
    let set = 16 * (2 * dimension + 1)
    let blockBoxes = FloatBuffer(count: (blocks + 15) / 16 * set)
    let groupBoxes = FloatBuffer(count: (blocks + 255) / 256 * set)
    ck_bound_codebook(blocked.base, halfNorms.base, blocks, dimension, blockBoxes.base, groupBoxes.base)
    floats = [blocked, halfNorms, cuts, blockBoxes, groupBoxes]
    codebook = ck_codebook(
      dimension: dimension, blocks: blocks, blocked: blocked.base, half_norms: halfNorms.base, order: order,
      places: places, axes: axes, cuts: cuts.base, block_boxes: blockBoxes.base, group_boxes: groupBoxes.base)
  }

  deinit {
    places.deallocate()
    axes.deallocate()
  }
}
