import Foundation
public import Tensors
public import VectorQuantization

/// A vector-quantized matrix as a layer of a model; its codes stay packed and mapped.
///
/// Tables, and the second form of codes that small codebooks get, are made when the layer is first used, so that opening a
/// model reads next to nothing of it.
public final class QuantizedLinear: Linear, @unchecked Sendable {
  /// Width of the input.
  public let inFeatures: Int
  /// Width of the output.
  public let outFeatures: Int
  /// Bytes of all its tensors as they lie in the checkpoint.
  public let storedBytes: Int

  private let layer: VectorQuantizedLinear
  private let isExact: Bool
  private let keepsCodes: Bool
  private let lock = NSLock()
  /// Made once; `lock` guards it.
  private var kernel: VectorQuantizedKernel?

  /// The run-time form of a checkpoint layer.
  ///
  /// - Parameters:
  ///   - isExact: whether products use centroids and activations in float32 throughout.
  ///   - keepsCodes: whether a second form of codes that products are faster with stays in memory.
  public init(_ layer: VectorQuantizedLinear, isExact: Bool = false, keepsCodes: Bool = true) {
    self.layer = layer
    self.isExact = isExact
    self.keepsCodes = keepsCodes
    inFeatures = layer.inFeatures
    outFeatures = layer.outFeatures
    storedBytes = layer.storedBits.total / 8
  }

  /// The loops of `y = x Wᵀ + b` from the packed codes.
  public func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    let byTiles = grouping.usesTiles(tokens: tokens, limit: VectorQuantizedKernel.directTokenLimit)
    ready().withLoops(x, tokens: tokens, into: y, byTiles: byTiles, share: share, body)
  }

  /// Makes the run-time form, if that has not happened yet.
  func prepare() { _ = ready() }

  /// Takes out of memory what was read of its file to make the run-time form, unless products read codes there.
  func releaseFilePages() {
    if !ready().readsStoredCodes { layer.indices.tensor.releaseFilePages() }
  }

  private func ready() -> VectorQuantizedKernel {
    lock.withLock {
      if let kernel { return kernel }
      let made = VectorQuantizedKernel(layer, isExact: isExact, keepsCodes: keepsCodes)
      kernel = made
      return made
    }
  }
}
