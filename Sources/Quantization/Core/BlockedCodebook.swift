import CKernels

/// A codebook, laid out for the nearest-centroid kernel.
package struct BlockedCodebook: Sendable {
  /// `count × dimension`, row-major.
  package let centroids: [Float]
  package let count: Int
  package let dimension: Int
  let blocked: [Float]
  let halfNorms: [Float]

  /// The codebook of `centroids`, `dimension` floats each.
  package init(_ centroids: [Float], dimension: Int) {
    self.centroids = centroids
    self.dimension = dimension
    count = centroids.count / dimension
    let blocks = (count + 15) / 16
    var blocked = [Float](repeating: 0, count: blocks * dimension * 16)
    var halfNorms = [Float](repeating: 0, count: blocks * 16)
    ck_block_codebook(centroids, count, dimension, &blocked, &halfNorms)
    self.blocked = blocked
    self.halfNorms = halfNorms
  }

  var blocks: Int { halfNorms.count / 16 }

  /// For each of `count` vectors the nearest centroid (the lowest index on a tie) and, if wanted, its score: half the
  /// squared distance less half the squared norm of the vector.
  package func nearest(
    _ vectors: UnsafePointer<Float>, count: Int, indices: UnsafeMutablePointer<Int32>,
    scores: UnsafeMutablePointer<Float>? = nil
  ) {
    ck_active().pointee.nearest_centroid(
      vectors, count, dimension, blocked, halfNorms, blocks, indices, scores)
  }
}
