import Tensors
public import VectorQuantization

/// A vector-quantized matrix as a layer of a model; its codes stay packed.
public struct QuantizedLinear: Linear {
  private let kernel: VectorQuantizedKernel
  /// Bytes of all its tensors as they lie in the checkpoint.
  public let storedBytes: Int

  /// The run-time form of a checkpoint layer.
  ///
  /// - Parameter isExact: whether products use centroids and activations in float32 throughout.
  public init(_ layer: VectorQuantizedLinear, isExact: Bool = false) throws {
    kernel = try VectorQuantizedKernel(layer, isExact: isExact)
    storedBytes = layer.storedBits.total / 8
  }

  /// Width of the input.
  public var inFeatures: Int { kernel.inFeatures }
  /// Width of the output.
  public var outFeatures: Int { kernel.outFeatures }

  /// Computes `y = x Wᵀ + b` from the packed codes.
  public func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    kernel.multiply(x, tokens: tokens, into: y)
  }
}
