import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// The second moments of one block's linear inputs.
protocol SecondMomentSource {
  /// The symmetric mean `[width, width]` of `x xᵀ`; nil where no token reached the input.
  func mean(_ input: LinearInput) throws -> [Double]?
}

/// What tells the second moments of one block after the other.
protocol BlockStatistics: AnyObject {
  /// The second moments of block `index`, at least those of `inputs`; blocks come in rising order, and one of which
  /// nothing is needed comes with no inputs.
  ///
  /// `progress` is told the share (0...1) that is done and may throw to stop the work.
  func moments(
    ofBlock index: Int, inputs: [LinearInput: Int], progress: (_ share: Double) throws -> Void
  ) throws -> any SecondMomentSource

  /// Whether block `index` must come although none of its inputs is needed.
  func isPending(_ index: Int) -> Bool

  /// Adds to a fingerprint what tells these statistics from others.
  func add(to print: inout Fingerprint) throws

  /// Says what block `index` has become, before the next one comes.
  func replace(block index: Int, by source: any TensorSource, settings: QuantizationSettings) throws
}
