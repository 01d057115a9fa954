/// A piece of a quantization that is done as a whole or not at all: it reads the results of other tasks and writes one of its
/// own. Done again, it gives the same result.
public struct JobTask: Sendable {
  /// What text a task runs.
  enum Text: Hashable, Sendable {
    /// The few windows on which the cost of errors is measured.
    case analysis
    /// All windows.
    case main
  }

  /// What a task does.
  enum Kind: Hashable, Sendable {
    /// Writes the calibration text, where the model itself is asked for it.
    case calibration
    /// Runs some windows through the whole model and back: how much each token counts for each matrix.
    case gradients(Text, chunk: Int)
    /// Runs the windows of a shard through a block: what the next block reads, and the second moments of the block's inputs
    /// over this shard and those before it.
    case statistics(Text, block: Int, shard: Int)
    /// What errors of a block's matrices cost.
    case sensitivity(block: Int)
    /// What errors of all matrices cost, from which the shapes of their codes follow.
    case allocation
    /// Keeps the second moments of a block in the user's folder.
    case secondMoments(block: Int)
    /// Quantizes some matrices of a block.
    case quantization(block: Int, part: Int)
    /// Runs the windows of a shard through the quantized block.
    case advance(block: Int, shard: Int)
    /// Runs the tuning text through an original block.
    case original(block: Int)
    /// Tunes a quantized block, or the whole model.
    case tuning(block: Int?)
    /// Runs the tuning text through a tuned block.
    case tuned(block: Int)
  }

  /// Its place in the list of tasks.
  public let index: Int
  let kind: Kind
  /// Its name, which is also that of its result.
  public let name: String
  /// Where the result lies: a name in the job folder, or a path.
  let file: String
  /// The tasks whose results it reads, by index.
  public let inputs: [Int]

  /// What kind of work it is, for lists and tables.
  public var stage: String {
    switch kind {
    case .calibration: "calibration"
    case .gradients: "gradients"
    case .statistics(.analysis, _, _): "analysis"
    case .statistics(.main, _, _): "statistics"
    case .sensitivity: "sensitivity"
    case .allocation: "allocation"
    case .secondMoments: "second moments"
    case .quantization: "quantization"
    case .advance: "advance"
    case .original: "originals"
    case .tuning, .tuned: "tuning"
    }
  }

  /// The block it works on, if it is one.
  var block: Int? {
    switch kind {
    case .calibration, .gradients, .allocation: nil
    case .tuning(let block): block
    case .statistics(_, let block, _), .sensitivity(let block), .secondMoments(let block), .quantization(let block, _),
      .advance(let block, _), .original(let block), .tuned(let block):
      block
    }
  }
}
