import CKernels
public import Tensors

/// A matrix kept as stored: float32, float16 or bfloat16.
public struct DenseLinear: Linear {
  /// The weight, `[outFeatures, inFeatures]`.
  public let weight: Tensor
  /// Added to the output, `[outFeatures]`.
  public let bias: [Float]?
  private let storage: ck_storage

  /// A linear layer of a stored weight.
  ///
  /// - Throws: `LanguageModelError` (`badTensor`) that names `name` unless the weight is a floating matrix.
  public init(name: String, weight: Tensor, bias: [Float]? = nil) throws {
    guard weight.shape.rank == 2, let storage = weight.dtype.kernelStorage else {
      throw LanguageModelError(
        .badTensor, "\(name).weight is \(weight.dtype.rawValue) \(weight.shape); a matrix of F32, F16 or BF16 is needed"
      )
    }
    self.weight = weight
    self.bias = bias
    self.storage = storage
  }

  /// Width of the input.
  public var inFeatures: Int { weight.shape[1] }
  /// Width of the output.
  public var outFeatures: Int { weight.shape[0] }
  /// Bytes of the stored weight and bias.
  public var storedBytes: Int { (weight.shape.elementCount + (bias?.count ?? 0)) * weight.dtype.byteCount }

  /// Computes `y = x Wᵀ + b`; a single token streams the weight once, several share unpacked tiles of it.
  public func apply(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>
  ) {
    guard let base = weight.baseAddress, tokens > 0 else { return }
    if !grouping.usesTiles(tokens: tokens, limit: 2) {
      multiplyVectors(base, x, tokens: tokens, into: y)
    } else {
      multiplyTiles(base, x, tokens: tokens, into: y)
    }
    if let bias { Self.add(bias, to: y, tokens: tokens) }
  }

  /// Each token by itself; a chunk of rows serves all of them while it is in the cache.
  private func multiplyVectors(
    _ base: UnsafeRawPointer, _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let (rows, columns) = (outFeatures, inFeatures)
    let chunk = max(16, (1 << 17) / max(columns, 1) / 16 * 16)
    let rowBytes = columns * weight.dtype.byteCount
    parallelFor((rows + chunk - 1) / chunk) { index in
      let first = index * chunk
      for token in 0..<tokens {
        kernels.gemv(
          base + first * rowBytes, storage, min(chunk, rows - first), columns, x + token * columns,
          y + token * rows + first)
      }
    }
  }

  private func multiplyTiles(
    _ base: UnsafeRawPointer, _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let (rows, columns) = (outFeatures, inFeatures)
    PanelProduct.run(x, tokens: tokens, rows: rows, columns: columns, into: y) { first, count, start, end, panel in
      let offset = (first * columns + start) * weight.dtype.byteCount
      kernels.pack_panel(base + offset, storage, columns, count, end - start, panel)
    }
  }

  static func add(_ bias: [Float], to y: UnsafeMutablePointer<Float>, tokens: Int) {
    let kernels = ck_active().pointee
    for token in 0..<tokens {
      kernels.axpy(1, bias, y + token * bias.count, bias.count)
    }
  }
}
