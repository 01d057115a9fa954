import CKernels

/// `y = x / sqrt(mean(x²) + ε) · weight`, row by row.
struct RMSNorm: Sendable {
  let weight: [Float]
  let epsilon: Float

  func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    for token in 0..<tokens { apply(token, of: x, into: y) }
  }

  /// The norm of row `token` alone.
  func apply(_ token: Int, of x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    ck_active().pointee.rms_norm(x + token * weight.count, weight, epsilon, weight.count, y + token * weight.count)
  }
}
