public import Tensors
import VectorQuantization

/// How one weight matrix is quantized: the shape of its codes and the effort spent on finding them.
///
/// `QuantizationRecipe(preset: "v4-k256-16")` gives the shape by name; every other property has a default that suits
/// all shapes. Symbols in parentheses are those of the format description (section 0).
public struct QuantizationRecipe: Sendable, Equatable {
  /// Output rows per code (`v`), at least 1.
  public var vectorLength: Int
  /// Entries of each main codebook (`K`), a power of two in 2...65536.
  public var centroidCount: Int
  /// Entries of each residual codebook (`R`), a power of two in 2...65536, or 0 for no residual stage.
  public var residualCentroidCount: Int
  /// Share of the input columns that use the outlier codebook, in percent: 0 (none) up to, not including, 100.
  public var outlierPercent = 0.0
  /// Output rows per code of an outlier column (`vo`); 0 without outliers.
  public var outlierVectorLength = 0
  /// Entries of the outlier codebook (`Ko`), a power of two in 2...65536; 0 without outliers.
  public var outlierCentroidCount = 0
  /// Codebooks along the input axis (`G`), at least 1.
  public var groupCount = 1
  /// Whether each input column is divided by its standard deviation first.
  public var normalize = true
  /// Whether input columns are processed in falling order of their second moment.
  public var permute = true
  /// Added to the diagonal of the metric before it is factored, as a share of the mean diagonal.
  public var damping = 0.01
  /// Lloyd iterations of the first clustering, per stage.
  public var kMeansIterations = 12
  /// Rounds of joint training of main and residual codebook after the first clustering.
  public var jointRounds = 2
  /// Main centroids that are tried with their best residual; 1 is the greedy choice of the paper.
  ///
  /// A larger width means all of them where main times residual entries are few (`VectorAssigner`).
  public var beamWidth = 8
  /// Whether the error of a column is made up for by the columns after it.
  public var feedback = true
  /// Times the codebooks are refitted to the error-fed weights and the columns quantized again.
  public var refitRounds = 2
  /// Conjugate-gradient steps on the centroids with codes held fixed; 0 leaves the centroids alone.
  public var leastSquaresSteps = 10
  /// Rounds of coordinate descent on the codes, each followed by a least-squares fit.
  public var descentRounds = 3
  /// Whether centroids of small codebooks end as whole multiples of one unit, which integer kernels multiply as they are stored: for speed. Larger codebooks, of
  /// more than 256 entries in a stage, keep what was fitted.
  public var wholeUnits = false
  /// Vectors per centroid that Lloyd iterations (with a last one on all vectors) and least squares work on, at least 1.
  ///
  /// Matrices with more are sampled; what is chosen with the centroids is chosen for all vectors.
  public var sample = 512
  /// Type in which centroids, scales and shifts are stored: `float16` or `bfloat16`.
  public var storageType = DType.float16
  /// Seed of the clustering.
  public var seed: UInt64 = 0

  /// A recipe of the given shape with the default effort.
  public init(vectorLength: Int, centroidCount: Int, residualCentroidCount: Int = 0) {
    self.vectorLength = vectorLength
    self.centroidCount = centroidCount
    self.residualCentroidCount = residualCentroidCount
  }

  /// Bits of codes per weight, without codebooks, scales and permutation.
  public var codeBitsPerWeight: Double {
    Double(mainBits + residualBits) / Double(max(vectorLength, 1))
  }

  /// Whether `wholeUnits` is on and its codebooks are small enough for it.
  var roundsCentroids: Bool {
    wholeUnits && max(centroidCount, residualCentroidCount) <= CommonUnit.largestCodebook
  }

  private var mainBits: Int { centroidCount > 0 ? centroidCount.trailingZeroBitCount : 0 }
  private var residualBits: Int { residualCentroidCount > 0 ? residualCentroidCount.trailingZeroBitCount : 0 }
}
