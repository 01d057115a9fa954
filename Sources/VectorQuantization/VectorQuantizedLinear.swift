public import Tensors

/// One linear layer in the VPTQ format: codes, codebooks and the tensors that turn them into `W[O, I]`.
///
/// Tensors stay as the checkpoint has them (views of the mapped file where possible). Layers that were stored
/// unpacked are held packed.
public struct VectorQuantizedLinear: Sendable {
  /// The module's full name, for messages.
  public let module: String
  /// The layer's settings with all dimensions filled in; `isPacked` is true.
  public let settings: LayerSettings
  /// Width of the output (`O`).
  public let outFeatures: Int
  /// Width of the input (`I`).
  public let inFeatures: Int
  /// Main centroids, `[G, K·v]`.
  public let centroids: Codebook
  /// Residual centroids, `[G, R·v]`.
  public let residualCentroids: Codebook?
  /// Main and residual codes, `[G, N, g]`; a code is `main | residual << mainBits`.
  public let indices: PackedIndices
  /// Centroids of the outlier columns, `[1, Ko·vo]`.
  public let outlierCentroids: Codebook?
  /// Codes of the outlier columns as unsigned 16 bits, I16 `[1, No, S]`.
  public let outlierIndices: Tensor?
  /// The order of the input columns.
  public let permutation: Permutation?
  /// Factors of the affine step, `[I]` or `[O]` by `settings.normAxis`.
  public let scale: Tensor?
  /// Summands of the affine step, shaped like `scale`.
  public let shift: Tensor?
  /// The additive bias, `[O]`.
  public let bias: Tensor?

  /// Assembles a layer and checks every part against the settings.
  ///
  /// - Throws: `VectorQuantizationError` that names `module` and the part at fault.
  public init(
    module: String, settings: LayerSettings, outFeatures: Int, inFeatures: Int, centroids: Codebook,
    residualCentroids: Codebook? = nil, indices: PackedIndices, outlierCentroids: Codebook? = nil,
    outlierIndices: Tensor? = nil, permutation: Permutation? = nil, scale: Tensor? = nil, shift: Tensor? = nil,
    bias: Tensor? = nil
  ) throws {
    var resolved = try settings.resolved(outFeatures: outFeatures, inFeatures: inFeatures, layer: module)
    resolved.isPacked = true
    resolved.indicesAsFloat = false
    resolved.bias = bias != nil
    self.module = module
    self.settings = resolved
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.centroids = centroids
    self.residualCentroids = residualCentroids
    self.indices = indices
    self.outlierCentroids = outlierCentroids
    self.outlierIndices = outlierIndices?.withKernelSlack()
    self.permutation = permutation
    self.scale = scale
    self.shift = shift
    self.bias = bias
    try validate()
  }

  /// Main codes, `[G, N, g]`.
  public func mainCodes() -> [UInt32] {
    let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(settings.mainBits) - 1)
    return indices.unpacked().map { $0 & mask }
  }

  /// Residual codes, `[G, N, g]`; nil without a residual.
  public func residualCodes() -> [UInt32]? {
    guard settings.hasResidual else { return nil }
    let shift = UInt32(settings.mainBits)
    return indices.unpacked().map { $0 >> shift }
  }
}
