import CKernels
import Tensors

/// The centroids of a codebook sorted into blocks of neighbours with boxes around them, by which an exact search passes
/// most blocks over (`ck_codebook`).
///
/// Every node of a binary tree halves its centroids along the axis of their largest variance, down to blocks of 16.
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
    var tree = Splits(
      order: Array(0..<Int32(count)), axes: [UInt16](repeating: 0, count: blocks),
      cuts: [Float](repeating: 0, count: blocks))
    tree.split(centroids, dimension: dimension, range: 0..<count, node: 1)
    places = .allocate(capacity: 2 * count)
    axes = .allocate(capacity: blocks)
    axes.initialize(from: tree.axes, count: blocks)
    let sorted = FloatBuffer(count: centroids.count)
    for (place, centroid) in tree.order.enumerated() {
      places[Int(centroid)] = Int32(place)
      places[count + place] = centroid
      for e in 0..<dimension { sorted.base[place * dimension + e] = centroids[Int(centroid) * dimension + e] }
    }
    let blocked = FloatBuffer(count: count * dimension)
    let halfNorms = FloatBuffer(count: count)
    ck_block_codebook(sorted.base, count, dimension, blocked.base, halfNorms.base)
    let set = 16 * (2 * dimension + 1)
    let blockBoxes = FloatBuffer(count: (blocks + 15) / 16 * set)
    let groupBoxes = FloatBuffer(count: (blocks + 255) / 256 * set)
    ck_bound_codebook(blocked.base, halfNorms.base, blocks, dimension, blockBoxes.base, groupBoxes.base)
    let cuts = FloatBuffer(tree.cuts)
    floats = [blocked, halfNorms, cuts, blockBoxes, groupBoxes]
    codebook = ck_codebook(
      dimension: dimension, blocks: blocks, blocked: blocked.base, half_norms: halfNorms.base, order: places + count,
      places: places, axes: axes, cuts: cuts.base, block_boxes: blockBoxes.base, group_boxes: groupBoxes.base)
  }

  deinit {
    places.deallocate()
    axes.deallocate()
  }
}

/// How the nodes of the tree divide the centroids.
private struct Splits {
  /// The centroid at each place.
  var order: [Int32]
  var axes: [UInt16]
  var cuts: [Float]

  /// Halves the centroids at the places of `range` along the axis of their largest variance, and then each half.
  mutating func split(_ centroids: [Float], dimension d: Int, range: Range<Int>, node: Int) {
    guard range.count > 16 else {
      order[range].sort()
      return
    }
    let axis = widestAxis(centroids, dimension: d, range: range)
    // Value and index as one integer whose order is that of the pair.
    let keys = order[range].map { index -> UInt64 in
      let bits = centroids[Int(index) * d + axis].bitPattern
      return UInt64(bits >> 31 == 1 ? ~bits : bits | 1 << 31) << 32 | UInt64(index)
    }.sorted()
    for (place, key) in zip(range, keys) { order[place] = Int32(truncatingIfNeeded: key & 0xFFFF_FFFF) }
    let middle = range.lowerBound + range.count / 2
    axes[node] = UInt16(axis)
    cuts[node] = centroids[Int(order[middle]) * d + axis]
    split(centroids, dimension: d, range: range.lowerBound..<middle, node: 2 * node)
    split(centroids, dimension: d, range: middle..<range.upperBound, node: 2 * node + 1)
  }

  private func widestAxis(_ centroids: [Float], dimension d: Int, range: Range<Int>) -> Int {
    var (axis, largest) = (0, -Double.infinity)
    for candidate in 0..<d {
      var (sum, squares) = (0.0, 0.0)
      for place in range {
        let value = Double(centroids[Int(order[place]) * d + candidate])
        sum += value
        squares += value * value
      }
      let variance = squares - sum * sum / Double(range.count)
      if variance > largest { (axis, largest) = (candidate, variance) }
    }
    return axis
  }
}
