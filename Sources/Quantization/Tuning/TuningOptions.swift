import Foundation

/// What tuning fits, for how long, and how fast.
public struct TuningOptions: Sendable, Equatable {
  /// What is fitted to what.
  public enum Mode: String, Sendable, CaseIterable {
    /// The whole model at once: its next-token probabilities to those of the original.
    case full
    /// One block after the other: its output to that of the original block.
    case block
  }

  /// What is fitted to what.
  public var mode: Mode
  /// Steps of Adam: in all for `full`, for each block for `block`.
  public var steps: Int
  /// Tokens of one window.
  public var tokens: Int
  /// Windows of one step.
  public var windowsPerStep = 1
  /// Windows that blocks are fitted on, in mode `block`.
  public var blockWindows = 64
  /// The highest rate: what one step moves a value by, relative to codebooks' root mean square, to scales and to norms.
  public var rate: Float
  /// Steps in which the rate rises.
  public var warmupSteps = 4
  /// Decay of Adam's mean of gradients.
  public var beta1: Float = 0.9
  /// Decay of Adam's mean of squares.
  public var beta2: Float = 0.95
  /// Longer gradients are shortened to this norm.
  public var gradientLimit: Float = 1
  /// Seed of the choice of windows.
  public var seed: UInt64 = 0
  /// Whether products are formed in float32 throughout, even where factors of bfloat16 are much faster.
  public var isExact = false
  /// Steps between two checkpoints.
  public var checkpointInterval = 20

  /// Options of a mode; the default rate is the one that full tuning was measured with.
  public init(mode: Mode = .full, steps: Int = 160, tokens: Int = 512, rate: Float = 2e-3) {
    self.mode = mode
    self.steps = steps
    self.tokens = tokens
    self.rate = rate
  }

  /// Checks every option.
  ///
  /// - Throws: `QuantizationError` (`invalidRecipe`) that names the option and its legal values.
  public func validate() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw QuantizationError(.invalidRecipe, message) }
    }
    try require((1...1_000_000).contains(steps), "the number of tuning steps must be 1 to 1000000, not \(steps)")
    try require((2...32_768).contains(tokens), "a tuning window must have 2 to 32768 tokens, not \(tokens)")
    try require(
      (1...4096).contains(windowsPerStep), "windows of one tuning step must be 1 to 4096, not \(windowsPerStep)")
    try require(
      (1...100_000).contains(blockWindows), "windows for tuning blocks must be 1 to 100000, not \(blockWindows)")
    try require(rate > 0 && rate <= 1, "the tuning rate must be above 0 and at most 1, not \(rate)")
    try require(warmupSteps >= 0, "warm-up steps cannot be negative")
    try require(
      (0..<1).contains(beta1) && (0..<1).contains(beta2), "Adam's betas must be at least 0 and below 1")
    try require(gradientLimit > 0, "the gradient limit must be above 0")
    try require(checkpointInterval > 0, "the checkpoint interval must be at least 1 step")
  }

  /// The rate of step `step` of `steps`: a linear rise and a cosine's fall to 0.
  func rate(step: Int) -> Float {
    let rise = min(1, Double(step + 1) / Double(max(1, warmupSteps)))
    return rate * Float(rise * (0.5 + 0.5 * cos(Double.pi * Double(step) / Double(steps))))
  }
}
