import CKernels

/// `y = x / sqrt(mean(x²) + ε) · weight`, row by row.
struct RMSNorm: Sendable {
  let weight: [Float]
  let epsilon: Float

  func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    let kernels = ck_active().pointee
    for token in 0..<tokens {
      kernels.rms_norm(x + token * weight.count, weight, epsilon, weight.count, y + token * weight.count)
    }
  }
}
