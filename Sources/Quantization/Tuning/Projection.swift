import CKernels
import Tensors

/// A matrix that writes some columns of a wider matrix of activations: `y[:, offset ..< offset + outFeatures] = x Wᵀ + b`.
struct Projection {
  let matrix: any BlockMatrix
  let offset: Int
  let precision: LinearAlgebra.Precision

  /// Writes its columns of `y`, whose rows are `stride` floats apart, from `x[rows, inFeatures]`.
  func apply(
    _ x: UnsafePointer<Float>, rows: Int, _ parameters: TunedParameters, into y: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    let values = UnsafePointer(parameters.values.base)
    withScratch(count: matrix.decodedCount) { memory in
      LinearAlgebra.product(
        .init(x, stride: matrix.inFeatures), matrix.decode(values, into: memory), into: y + offset, stride: stride,
        m: rows, n: matrix.outFeatures, k: matrix.inFeatures, precision: precision)
    }
    if let bias = matrix.tunedBias { add(values + bias.lowerBound, to: y, rows: rows, stride: stride) }
    if let bias = matrix.fixedBias { add(bias, to: y, rows: rows, stride: stride) }
  }

  private func add(_ bias: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, rows: Int, stride: Int) {
    let kernels = ck_active().pointee
    for row in 0..<rows { kernels.axpy(1, bias, y + row * stride + offset, matrix.outFeatures) }
  }

  /// From the gradient of its columns: writes `dx[rows, inFeatures]` or adds to it, and adds to the gradient of the tuned
  /// values.
  func addGradient(
    _ x: UnsafePointer<Float>, dy: UnsafePointer<Float>, rows: Int, stride: Int, _ parameters: TunedParameters,
    into dx: UnsafeMutablePointer<Float>, adding: Bool
  ) {
    let kernels = ck_active().pointee
    let dy = dy + offset
    matrix.observe(dy, rows: rows, stride: stride)
    let values = UnsafePointer(parameters.values.base)
    withScratch(count: matrix.decodedCount) { memory in
      LinearAlgebra.product(
        .init(dy, stride: stride), matrix.decode(values, into: memory).transposed, into: dx,
        stride: matrix.inFeatures, m: rows, n: matrix.inFeatures, k: matrix.outFeatures, adding: adding,
        precision: precision)
      guard let matrix = matrix as? TunedMatrix else { return }
      // The memory of the weight serves its gradient; outputs that do not exist have none.
      if matrix.stride > matrix.outFeatures { memory.update(repeating: 0, count: matrix.decodedCount) }
      LinearAlgebra.product(
        .init(x, stride: matrix.inFeatures).transposed, .init(dy, stride: stride), into: memory,
        stride: matrix.stride, m: matrix.inFeatures, n: matrix.outFeatures, k: rows, precision: precision)
      matrix.addGradient(memory, values: values, to: parameters.gradient.base)
    }
    if let bias = matrix.tunedBias {
      for row in 0..<rows {
        kernels.axpy(1, dy + row * stride, parameters.gradient.base + bias.lowerBound, matrix.outFeatures)
      }
    }
  }
}
