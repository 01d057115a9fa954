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

  /// The loops of `y = x Wᵀ + b`; a single token streams the weight once, several share unpacked tiles of it.
  public func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    guard let base = weight.baseAddress else { return }
    if grouping.usesTiles(tokens: tokens, limit: 2) {
      withTileLoops(base, x, tokens: tokens, into: y, body)
    } else {
      withVectorLoops(base, x, tokens: tokens, into: y, body)
    }
  }

  /// Each token by itself; a chunk of rows serves all of them while it is in the cache.
  private func withVectorLoops(
    _ base: UnsafeRawPointer, _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>,
    _ body: ProductLoops.Body
  ) {
    let kernels = ck_active().pointee
    let (rows, columns) = (outFeatures, inFeatures)
    let chunk = max(16, (1 << 17) / max(columns, 1) / 16 * 16)
    let rowBytes = columns * weight.dtype.byteCount
    body(false, { _ in }, (rows + chunk - 1) / chunk) { index in
      let first = index * chunk, count = min(chunk, rows - first)
      for token in 0..<tokens {
        kernels.gemv(
          base + first * rowBytes, storage, count, columns, x + token * columns, y + token * rows + first)
      }
      bias?.add(first..<(first + count), to: y, tokens: tokens)
    }
  }

  private func withTileLoops(
    _ base: UnsafeRawPointer, _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>,
    _ body: ProductLoops.Body
  ) {
    let kernels = ck_active().pointee
    let columns = inFeatures
    let panels = PanelProduct(x, tokens: tokens, rows: outFeatures, columns: columns, into: y)
    body(false, { _ in }, panels.count) { index in
      panels.run(index) { first, count, start, end, panel in
        let offset = (first * columns + start) * weight.dtype.byteCount
        kernels.pack_panel(base + offset, storage, columns, count, end - start, panel)
      }
      bias?.add(panels.outputs(index), to: y, tokens: tokens)
    }
  }
}

extension [Float] {
  /// Adds this bias to outputs `outputs` of `y[tokens, count]`.
  func add(_ outputs: Range<Int>, to y: UnsafeMutablePointer<Float>, tokens: Int) {
    let kernels = ck_active().pointee
    withUnsafeBufferPointer { bias in
      guard let base = bias.baseAddress else { return }
      for token in 0..<tokens {
        kernels.axpy(1, base + outputs.lowerBound, y + token * count + outputs.lowerBound, outputs.count)
      }
    }
  }
}
