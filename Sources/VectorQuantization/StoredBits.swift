public import Tensors

/// The bits that a quantized layer takes in a file, part by part (format section 10).
public struct StoredBits: Sendable, Equatable {
  /// Packed codes with the padding of their rows.
  public var index = 0
  /// Main and residual centroids.
  public var codebook = 0
  /// Scale, shift and permutation.
  public var normAndPermutation = 0
  /// Codes and centroids of the outlier columns.
  public var outlier = 0
  /// The additive bias.
  public var bias = 0
  /// Weights of the dense matrix, `O · I`.
  public var weightCount = 0

  /// No bits of no weights.
  public init() {}

  /// All stored bits.
  public var total: Int { index + codebook + normAndPermutation + outlier + bias }

  /// All stored bits over the weights of the dense matrix.
  public var bitsPerWeight: Double { Double(total) / Double(max(weightCount, 1)) }

  /// Bits of codes over the weights of the dense matrix.
  public var indexBitsPerWeight: Double { Double(index) / Double(max(weightCount, 1)) }

  /// Whether a dense matrix of 16-bit numbers would be smaller, which happens where the codebook dominates.
  public var exceedsDense: Bool { total - bias > 16 * weightCount }

  /// The sums of both.
  public static func + (left: StoredBits, right: StoredBits) -> StoredBits {
    var sum = left
    sum.index += right.index
    sum.codebook += right.codebook
    sum.normAndPermutation += right.normAndPermutation
    sum.outlier += right.outlier
    sum.bias += right.bias
    sum.weightCount += right.weightCount
    return sum
  }
}

extension LayerSettings {
  /// The bits that a layer with these settings takes, codebooks and norm being stored as `dtype`.
  ///
  /// - Throws: `VectorQuantizationError` (`badSettings`) for settings that do not fit the dimensions.
  public func storedBits(outFeatures: Int, inFeatures: Int, dtype: DType) throws -> StoredBits {
    let settings = try resolved(outFeatures: outFeatures, inFeatures: inFeatures, layer: "layer")
    let width = dtype.byteCount * 8
    var bits = StoredBits()
    bits.index = 32 * groupCount * vectorRows(outFeatures: outFeatures) * settings.wordsPerRow
    bits.codebook = width * groupCount * vectorLength * (centroidCount + residualCentroidCount)
    if normEnabled { bits.normAndPermutation += 2 * width * (normAxis == .input ? inFeatures : outFeatures) }
    if permutationEnabled { bits.normAndPermutation += 16 * inFeatures }
    if hasOutliers {
      bits.outlier =
        16 * outlierRows(outFeatures: outFeatures) * outlierSize + width * outlierVectorLength * outlierCentroidCount
    }
    if bias { bits.bias = width * outFeatures }
    bits.weightCount = outFeatures * inFeatures
    return bits
  }
}

extension VectorQuantizedLinear {
  /// The bits of `tensors()`, part by part; the total is what these tensors take on disk.
  public var storedBits: StoredBits {
    var bits = StoredBits()
    for (name, tensor) in tensors() {
      let size = tensor.shape.elementCount * tensor.dtype.byteCount * 8
      switch name {
      case "indices": bits.index += size
      case "centroids.weight", "res_centroids.weight": bits.codebook += size
      case "outlier_indices", "outlier_centroids.weight": bits.outlier += size
      case "bias": bits.bias += size
      default: bits.normAndPermutation += size
      }
    }
    bits.weightCount = outFeatures * inFeatures
    return bits
  }
}
