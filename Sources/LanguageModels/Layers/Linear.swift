/// A matrix of a model: `y = x Wᵀ + b`, whatever form the weight is kept in.
public protocol Linear: Sendable {
  /// Width of the input.
  var inFeatures: Int { get }
  /// Width of the output.
  var outFeatures: Int { get }
  /// Bytes of the weight as they lie in the checkpoint.
  var storedBytes: Int { get }

  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]`, both row-major.
  func apply(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>)
}

extension Linear {
  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]` in whichever way is fastest.
  public func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    apply(x, tokens: tokens, grouping: .fastest, into: y)
  }
}

/// Whether tokens of one forward pass share work. Both ways give the same values up to rounding; within one way the values
/// of a token do not depend on which others are there.
public enum TokenGrouping: Sendable {
  /// Whichever is faster for so many tokens.
  case fastest
  /// Each token by itself, straight from the stored weights.
  case alone
  /// All tokens share unpacked tiles of the weights.
  case together

  /// Whether tiles are used for `tokens` tokens where up to `limit` are faster by themselves.
  func usesTiles(tokens: Int, limit: Int) -> Bool {
    switch self {
    case .fastest: tokens > limit
    case .alone: false
    case .together: true
    }
  }
}
