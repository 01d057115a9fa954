import CKernels
import Tensors

/// What several windows say about the codes of one matrix: the gradient of the loss by its weights, and the second moments of its
/// inputs and of the gradients of its outputs.
final class CodeEvidence {
  let gradient: FloatBuffer
  let moment: FloatBuffer
  private(set) var outputEnergy = 0.0
  private(set) var rows = 0
  private(set) var windows = 0

  init(_ matrix: TunedMatrix) {
    gradient = FloatBuffer(count: matrix.decodedCount)
    moment = FloatBuffer(count: matrix.inFeatures * matrix.inFeatures)
  }

  func add(
    _ matrix: TunedMatrix, weightGradient: UnsafePointer<Float>, x: UnsafePointer<Float>, dy: UnsafePointer<Float>,
    rows: Int,
    stride: Int, precision: LinearAlgebra.Precision
  ) {
    let kernels = ck_active().pointee
    let chunk = 1 << 16
    parallelFor((gradient.count + chunk - 1) / chunk) { index in
      let first = index * chunk
      kernels.axpy(1, weightGradient + first, gradient.base + first, min(chunk, gradient.count - first))
    }
    let n = matrix.inFeatures
    LinearAlgebra.product(
      .init(x, stride: n).transposed, .init(x, stride: n), into: moment.base, stride: n, m: n, n: n, k: rows,
      adding: true,
      precision: precision)
    for row in 0..<rows {
      outputEnergy += Double(kernels.dot(dy + row * stride, dy + row * stride, matrix.outFeatures))
    }
    self.rows += rows
    windows += 1
  }
}
