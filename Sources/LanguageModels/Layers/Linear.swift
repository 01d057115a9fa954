/// A matrix of a model: `y = x Wᵀ + b`, whatever form the weight is kept in.
public protocol Linear: Sendable {
  /// Width of the input.
  var inFeatures: Int { get }
  /// Width of the output.
  var outFeatures: Int { get }
  /// Bytes of the weight as they lie in the checkpoint.
  var storedBytes: Int { get }

  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]`, both row-major.
  func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>)
}
