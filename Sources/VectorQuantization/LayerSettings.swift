/// How one linear layer is vector-quantized: the settings of one layer in `config.json` (format section 2.2).
public struct LayerSettings: Sendable, Equatable {
  /// The axis along which the affine step varies (`norm_dim`).
  public enum NormAxis: Int, Sendable {
    /// One scale and shift per input column.
    case input = 0
    /// One scale and shift per output row.
    case output = 1
  }

  /// The most centroids one codebook may have: codes are 16 bits wide where they are not packed.
  public static let centroidLimit = 65536
  /// The longest vector this build reads.
  public static let vectorLengthLimit = 4096

  /// Outputs that one main code stands for (`v`).
  public var vectorLength: Int
  /// Main centroids of each group (`K`), 2 … 65536.
  public var centroidCount: Int
  /// Residual centroids of each group (`R`), 2 … 65536; 0 without a residual.
  public var residualCentroidCount: Int
  /// Outputs that one outlier code stands for (`vo`); 0 without outliers.
  public var outlierVectorLength: Int
  /// Centroids of the outlier codebook (`Ko`); 0 without outliers.
  public var outlierCentroidCount: Int
  /// Outlier columns (`S`), which come first in storage order.
  public var outlierSize: Int
  /// Codebooks along the input axis (`G`).
  public var groupCount: Int
  /// Columns of one group (`g`); -1 means `(inFeatures - outlierSize) / groupCount`.
  public var groupSize: Int
  /// Whether `weight_scale` and `weight_bias` exist.
  public var normEnabled: Bool
  /// The axis of the affine step.
  public var normAxis: NormAxis
  /// Whether a permutation of the input columns exists.
  public var permutationEnabled: Bool
  /// Whether codes are packed bits (format section 4) or 16-bit integers (section 3.2).
  public var isPacked: Bool
  /// Whether unpacked codes lie in tensors typed float16.
  public var indicesAsFloat: Bool
  /// Whether the layer has an additive bias; the presence of the tensor is decisive.
  public var bias: Bool
  /// Width of the input, if stated; the model's own dimensions are decisive.
  public var inFeatures: Int?
  /// Width of the output, if stated; the model's own dimensions are decisive.
  public var outFeatures: Int?

  /// Settings of a packed layer with norm and permutation, one group, no residual and no outliers unless stated.
  public init(
    vectorLength: Int, centroidCount: Int, residualCentroidCount: Int = 0, outlierVectorLength: Int = 0,
    outlierCentroidCount: Int = 0, outlierSize: Int = 0, groupCount: Int = 1, groupSize: Int = -1,
    normEnabled: Bool = true, normAxis: NormAxis = .input, permutationEnabled: Bool = true, isPacked: Bool = true,
    indicesAsFloat: Bool = false, bias: Bool = false, inFeatures: Int? = nil, outFeatures: Int? = nil
  ) {
    self.vectorLength = vectorLength
    self.centroidCount = centroidCount
    self.residualCentroidCount = residualCentroidCount
    self.outlierVectorLength = outlierVectorLength
    self.outlierCentroidCount = outlierCentroidCount
    self.outlierSize = outlierSize
    self.groupCount = groupCount
    self.groupSize = groupSize
    self.normEnabled = normEnabled
    self.normAxis = normAxis
    self.permutationEnabled = permutationEnabled
    self.isPacked = isPacked
    self.indicesAsFloat = indicesAsFloat
    self.bias = bias
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
  }

  /// Bits of a main code, `ceil(log2 K)`.
  public var mainBits: Int { Self.codeBits(centroidCount) }

  /// Bits of a residual code, `ceil(log2 R)`; 0 without a residual.
  public var residualBits: Int { Self.codeBits(residualCentroidCount) }

  /// Bits of a whole code, 1 … 32.
  public var codeBits: Int { mainBits + residualBits }

  /// Whether a residual codebook exists.
  public var hasResidual: Bool { residualCentroidCount > 0 }

  /// Whether outlier columns exist.
  public var hasOutliers: Bool { outlierSize > 0 }

  /// `ceil(log2 count)`; 0 for counts up to 1.
  static func codeBits(_ count: Int) -> Int {
    count > 1 ? Int.bitWidth - (count - 1).leadingZeroBitCount : 0
  }

  /// Rows of codes: `ceil(outFeatures / v)`.
  public func vectorRows(outFeatures: Int) -> Int { (outFeatures - 1) / vectorLength + 1 }

  /// Rows of outlier codes: `ceil(outFeatures / vo)`; 0 without outliers.
  public func outlierRows(outFeatures: Int) -> Int {
    hasOutliers ? (outFeatures - 1) / outlierVectorLength + 1 : 0
  }

  /// 32-bit words of one packed row, `ceil(g·B / 32)`; `groupSize` must be known.
  public var wordsPerRow: Int { (groupSize * codeBits + 31) / 32 }
}
