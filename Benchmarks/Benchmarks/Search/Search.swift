import CKernels

/// A codebook with its tree, laid out as the quantizer does it.
struct Search {
  private let dimension: Int
  private let count: Int
  private var blocked: [Float]
  private var halfNorms: [Float]
  private var sortedBlocked: [Float]
  private var sortedNorms: [Float]
  private var order: [Int32]
  private var places: [Int32]
  private var axes: [UInt16]
  private var cuts: [Float]
  private var blockBoxes: [Float]
  private var groupBoxes: [Float]

  init(_ centroids: [Float], dimension: Int) {
    self.dimension = dimension
    count = centroids.count / dimension
    let blocks = count / 16
    let set = 16 * (2 * dimension + 1)
    blocked = [Float](repeating: 0, count: centroids.count)
    halfNorms = [Float](repeating: 0, count: count)
    (sortedBlocked, sortedNorms) = (blocked, halfNorms)
    order = [Int32](repeating: 0, count: count)
    places = order
    axes = [UInt16](repeating: 0, count: blocks)
    cuts = [Float](repeating: 0, count: blocks)
    blockBoxes = [Float](repeating: 0, count: (blocks + 15) / 16 * set)
    groupBoxes = [Float](repeating: 0, count: (blocks + 255) / 256 * set)
    ck_block_codebook(centroids, count, dimension, &blocked, &halfNorms)
    var keys = [UInt64](repeating: 0, count: count)
    ck_sort_codebook(centroids, count, dimension, &keys, &order, &places, &axes, &cuts)
    let sorted = order.flatMap { centroids[Int($0) * dimension..<(Int($0) + 1) * dimension] }
    ck_block_codebook(sorted, count, dimension, &sortedBlocked, &sortedNorms)
    ck_bound_codebook(sortedBlocked, sortedNorms, blocks, dimension, &blockBoxes, &groupBoxes)
  }

  /// Through all centroids.
  func brute(_ vectors: [Float], _ number: Int, _ codes: inout [Int32], _ scores: inout [Float]) {
    ck_active().pointee.nearest_centroid(
      vectors, number, dimension, blocked, halfNorms, count / 16, &codes, &scores)
  }

  /// The way that is faster for this size.
  func assign(
    _ vectors: [Float], _ number: Int, _ hints: [Int32]?, _ codes: inout [Int32], _ scores: inout [Float]
  ) {
    if count < ck_tree_centroids(ck_active(), dimension) {
      brute(vectors, number, &codes, &scores)
    } else {
      nearest(vectors, number, hints, 1, &codes, &scores)
    }
  }

  /// By the tree.
  func nearest(
    _ vectors: [Float], _ number: Int, _ hints: [Int32]?, _ width: Int, _ codes: inout [Int32], _ scores: inout [Float]
  ) {
    withTree { tree in
      if let hints {
        ck_active().pointee.search_centroids(vectors, number, tree, hints, width, &codes, &scores)
      } else {
        ck_active().pointee.search_centroids(vectors, number, tree, nil, width, &codes, &scores)
      }
    }
  }

  private func withTree(_ body: (UnsafePointer<ck_codebook>) -> Void) {
    sortedBlocked.withUnsafeBufferPointer { blocked in
      sortedNorms.withUnsafeBufferPointer { norms in
        order.withUnsafeBufferPointer { order in
          places.withUnsafeBufferPointer { places in
            axes.withUnsafeBufferPointer { axes in
              cuts.withUnsafeBufferPointer { cuts in
                blockBoxes.withUnsafeBufferPointer { blockBoxes in
                  groupBoxes.withUnsafeBufferPointer { groupBoxes in
                    guard let blocked = blocked.baseAddress, let norms = norms.baseAddress else { return }
                    var tree = ck_codebook(
                      dimension: dimension, blocks: count / 16, blocked: blocked, half_norms: norms,
                      order: order.baseAddress, places: places.baseAddress, axes: axes.baseAddress,
                      cuts: cuts.baseAddress, block_boxes: blockBoxes.baseAddress, group_boxes: groupBoxes.baseAddress)
                    body(&tree)
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
