public import LanguageModels
import Tensors

/// What quantizing a model by a plan will take on this machine: from counts of the work and rates that are measured in
/// about a second.
///
/// Text that the model has to sample itself comes on top.
public struct QuantizationEstimate: Sendable {
  /// Processor time of all threads, in seconds.
  public private(set) var processorSeconds = 0.0
  /// Time on the clock with the threads that are set, each on a processor of its own.
  public private(set) var wallSeconds = 0.0
  /// The most memory that is held at once, in bytes: what the process makes itself, and a block's pages of the model file.
  public private(set) var peakMemoryBytes = 0
  /// Quantized matrices in the output and, until it is whole, in the job folder: bytes on disk at the end of the work,
  /// besides the tensors that stay as they are.
  public private(set) var diskBytes = 0

  /// Estimates `plan` with `windows` calibration windows of `length` tokens, none where second moments are read.
  ///
  /// - Parameters:
  ///   - isGuided: whether tokens are weighed by gradients.
  ///   - isAllocated: whether the plan's bits are spent by measured sensitivity.
  ///   - activationMemory: bytes that the residual stream of the text may take in memory.
  public init(
    plan: QuantizationPlan, configuration: ModelConfiguration, windows: Int, length: Int, isGuided: Bool = false,
    isAllocated: Bool = false, activationMemory: Int = ModelQuantizer.defaultActivationMemory
  ) {
    let threads = Double(WorkerPool.shared.threadCount)
    let machine = Self.onOneThread { MachineRates() }
    var searches: [String: SearchRates] = [:]
    let tokens = Double(windows * length)
    let hasGradients = (try? TuningModel.check(configuration)) != nil
    let analysed = isAllocated ? min(tokens, Double(JobWork.enoughTokens)) : 0
    // The passes forth and back, through blocks and head; weights have no gradient.
    let weighed = hasGradients ? TaskCosts.gradientFactor * 2 * ((isGuided ? tokens : 0) + analysed) : 0
    let head = Double(configuration.vocabularySize * configuration.hiddenSize)
    processorSeconds = weighed * head * machine.passProduct
    wallSeconds = processorSeconds / threads
    for (block, matrices) in Dictionary(grouping: plan.matrices, by: \.block) {
      let passes =
        (tokens + analysed) * machine.product + weighed * (machine.passProduct + machine.widening / Double(length))
      var (shared, alone) = (Self.forwardWork(block, configuration) * passes, 0.0)
      var widths: [LinearInput: Int] = [:]
      for matrix in matrices {
        let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
        let key = "\(matrix.recipe.name) \(matrix.recipe.beamWidth)"
        let search = searches[key] ?? Self.onOneThread { SearchRates(matrix.recipe) }
        searches[key] = search
        let work = MatrixWork(
          outFeatures: outputs, inFeatures: inputs, recipe: matrix.recipe, search: search, machine: machine)
        shared += work.shared
        alone += work.alone + (isAllocated ? work.preparation : 0)
        widths[matrix.input] = inputs
        diskBytes += 2 * ((matrix.storedBits + 7) / 8)
      }
      let squares = widths.values.reduce(0) { $0 + $1 * $1 }
      shared += Double(squares) / 2 * tokens * machine.secondMoment
      processorSeconds += shared + alone
      wallSeconds += shared / threads + alone
    }
    peakMemoryBytes = PeakMemory.whole(
      plan, configuration, windows: windows, length: length, hasGradients: weighed > 0,
      activationMemory: activationMemory)
  }

  /// Weights that a token meets in a block.
  static func forwardWork(_ block: Int, _ configuration: ModelConfiguration) -> Double {
    configuration.linears(ofBlock: block).reduce(0) { $0 + Double($1.shape.elementCount) }
  }

  static func onOneThread<Result>(_ body: () -> Result) -> Result {
    let threads = WorkerPool.shared.threadCount
    WorkerPool.shared.threadCount = 1
    defer { WorkerPool.shared.threadCount = threads }
    return body()
  }
}
