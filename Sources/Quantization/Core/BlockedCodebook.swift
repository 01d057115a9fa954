import CKernels
import Tensors

/// A codebook, laid out for the nearest-centroid kernels.
package struct BlockedCodebook: Sendable {
  /// `count × dimension`, row-major.
  package let centroids: [Float]
  package let count: Int
  package let dimension: Int
  private let blocked: FloatBuffer
  private let halfNorms: FloatBuffer
  private let tree: SearchTree?

  /// The codebook of `centroids`, `dimension` floats each.
  package init(_ centroids: [Float], dimension: Int) {
    self.init(
      centroids, dimension: dimension,
      usesTree: SearchTree.isWorthwhile(count: centroids.count / dimension, dimension: dimension))
  }

  /// With or without a search tree, which makes no difference to any result.
  init(_ centroids: [Float], dimension: Int, usesTree: Bool) {
    self.centroids = centroids
    self.dimension = dimension
    count = centroids.count / dimension
    let blocks = (count + 15) / 16
    blocked = FloatBuffer(count: blocks * dimension * 16)
    halfNorms = FloatBuffer(count: blocks * 16)
    ck_block_codebook(centroids, count, dimension, blocked.base, halfNorms.base)
    tree = usesTree ? SearchTree(centroids, count: count, dimension: dimension) : nil
  }

  /// For each of `count` vectors the nearest centroid (the lowest index on a tie) and, if wanted, its score: half the
  /// squared distance less half the squared norm of the vector.
  ///
  /// `hints` names a centroid for each vector that may be near; it makes no difference to the result.
  package func nearest(
    _ vectors: UnsafePointer<Float>, count: Int, hints: UnsafePointer<Int32>? = nil,
    indices: UnsafeMutablePointer<Int32>, scores: UnsafeMutablePointer<Float>? = nil
  ) {
    if let tree, self.count >= ck_tree_centroids(ck_active(), dimension) {
      withUnsafeTemporaryAllocation(of: Float.self, capacity: scores == nil ? count : 0) { unwanted in
        guard let scores = scores ?? unwanted.baseAddress else { return }
        search(vectors, count: count, in: tree.codebook, hints: hints, width: 1, indices: indices, scores: scores)
      }
    } else {
      ck_active().pointee.nearest_centroid(
        vectors, count, dimension, blocked.base, halfNorms.base, halfNorms.count / 16, indices, scores)
    }
  }

  /// For each of `count` vectors the `width` nearest centroids, nearest first, of equal ones the lower index first.
  func nearest(
    _ vectors: UnsafePointer<Float>, count: Int = 1, width: Int, indices: UnsafeMutablePointer<Int32>,
    scores: UnsafeMutablePointer<Float>
  ) {
    let all = ck_codebook(
      dimension: dimension, blocks: halfNorms.count / 16, blocked: blocked.base, half_norms: halfNorms.base, order: nil,
      places: nil, axes: nil, cuts: nil, block_boxes: nil, group_boxes: nil)
    search(
      vectors, count: count, in: tree?.codebook ?? all, hints: nil, width: width, indices: indices, scores: scores)
  }

  private func search(
    _ vectors: UnsafePointer<Float>, count: Int, in codebook: ck_codebook, hints: UnsafePointer<Int32>?, width: Int,
    indices: UnsafeMutablePointer<Int32>, scores: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: codebook) { codebook in
      ck_active().pointee.search_centroids(vectors, count, codebook, hints, width, indices, scores)
    }
  }
}
