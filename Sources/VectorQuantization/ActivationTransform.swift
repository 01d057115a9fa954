import CKernels
import Tensors

/// What a layer does to its activations once per token: `xs[c] = x[perm[c]] · scale[perm[c]]` (format section 7).
struct ActivationTransform: Sendable {
  private let columnCount: Int
  /// The original column of each storage column; empty without a permutation.
  private let columns: [UInt32]
  /// Factors in storage order; empty without a norm along the input.
  private let scale: [Float]
  /// Summands in original order; empty without a norm along the input.
  private let shift: [Float]
  /// Whether the norm along the output needs `Σ x`.
  private let needsSum: Bool

  init(_ layer: VectorQuantizedLinear) {
    columnCount = layer.inFeatures
    columns = layer.permutation?.indices ?? []
    let isInput = layer.settings.normAxis == .input
    let original = isInput ? layer.scale?.modelFloats ?? [] : []
    scale = columns.isEmpty || original.isEmpty ? original : columns.map { original[Int($0)] }
    shift = isInput ? layer.shift?.unlessZero ?? [] : []
    needsSum = !isInput && layer.shift != nil
  }

  /// Writes one token's activations in storage order and returns `β = Σ x·shift`, or `Σ x` for a norm along the
  /// output, or 0 without a norm.
  func apply(_ x: UnsafePointer<Float>, into stored: UnsafeMutablePointer<Float>) -> Float {
    columns.withUnsafeBufferPointer { columns in
      scale.withUnsafeBufferPointer { scale in
        let factors = scale.isEmpty ? nil : scale.baseAddress
        if let places = columns.baseAddress, !columns.isEmpty {
          ck_active().pointee.gather(x, places, factors, columnCount, stored)
        } else if let factors {
          for c in 0..<columnCount { stored[c] = x[c] * factors[c] }
        } else {
          stored.update(from: x, count: columnCount)
        }
      }
    }
    return offset(of: x)
  }

  /// As `apply(_:into:)` for 16 tokens, with the same bits; `lanes` gets their values once more, a lane for each (`ck_token_lanes`).
  func apply(
    _ x: UnsafePointer<Float>, into stored: UnsafeMutablePointer<Float>, lanes: UnsafeMutablePointer<Float>,
    offsets: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    withScratch(count: 16 * columnCount) { original in
      kernels.token_lanes(x, columnCount, 16, columnCount, original)
      columns.withUnsafeBufferPointer { columns in
        scale.withUnsafeBufferPointer { scale in
          kernels.gather_lanes(
            original, columns.isEmpty ? nil : columns.baseAddress, scale.isEmpty ? nil : scale.baseAddress, columnCount,
            lanes, stored, columnCount)
        }
      }
    }
    for token in 0..<16 { offsets[token] = offset(of: x + token * columnCount) }
  }

  private func offset(of x: UnsafePointer<Float>) -> Float {
    if !shift.isEmpty {
      return shift.withUnsafeBufferPointer { shift in
        shift.baseAddress.map { ck_active().pointee.dot(x, $0, columnCount) } ?? 0
      }
    }
    guard needsSum else { return 0 }
    var sum = 0.0
    for i in 0..<columnCount { sum += Double(x[i]) }
    return Float(sum)
  }
}

/// What a layer adds to its outputs: `β`, the affine step along the output, the bias (format section 7).
struct OutputTransform: Sendable {
  private let scale: [Float]
  private let shift: [Float]
  private let bias: [Float]
  private let addsOffset: Bool

  init(_ layer: VectorQuantizedLinear) {
    let isOutput = layer.settings.normAxis == .output
    scale = isOutput ? layer.scale?.modelFloats ?? [] : []
    shift = isOutput ? layer.shift?.modelFloats ?? [] : []
    bias = layer.bias?.modelFloats ?? []
    addsOffset = !isOutput && layer.shift?.unlessZero != nil
  }

  /// Finishes `outputs` of one token, the first at `y[0]`; `offset` is what `ActivationTransform.apply` returned.
  func apply(_ y: UnsafeMutablePointer<Float>, outputs: Range<Int>, offset: Float) {
    let first = outputs.lowerBound
    if addsOffset {
      for o in 0..<outputs.count { y[o] += offset }
    } else if !scale.isEmpty {
      for o in 0..<outputs.count { y[o] = y[o] * scale[first + o] + shift[first + o] * offset }
    }
    if !bias.isEmpty {
      for o in 0..<outputs.count { y[o] += bias[first + o] }
    }
  }
}

extension Tensor {
  /// The values, or nil if all are 0.
  fileprivate var unlessZero: [Float]? {
    let values = modelFloats
    return values.allSatisfy { $0 == 0 } ? nil : values
  }
}
