public import Checkpoints
import Foundation
import JSONReader
import LanguageModels
public import Tensors
import VectorQuantization

/// Quantizes a whole model, block by block.
///
/// The work is cut into tasks (`TaskGraph`), which are done here in their order by one process; a planned job (`QuantizationJob`)
/// has the same tasks done by many. For each block in turn: take the second moments of what its matrices read, measured on text
/// or read from a file, quantize the matrices, write the block to the job folder. Only one block's weights are in memory. A
/// second run with the same arguments takes up where the first one ended.
public struct ModelQuantizer: Sendable {
  /// The model to quantize.
  public let model: ModelDirectory
  /// Which matrices, and how.
  public let plan: QuantizationPlan
  /// What the second moments are taken from.
  public let statistics: Statistics
  /// The power of the squared gradients by which tokens count in measured second moments (`TokenWeights`); 0: all alike.
  public let guidance: Double
  /// The power that measured best at 2.2 bits (`Documentation/Quantization.md`).
  public static let defaultGuidance = 0.5
  /// Seed of the tokens that are drawn for these gradients.
  public let seed: UInt64
  /// Bits to spend by what errors cost; nil: the plan says how every matrix is quantized.
  public let budget: BitBudget?
  /// How the work is cut into tasks, which does not change what comes out.
  public var division = JobDivision()
  /// Bytes that the residual stream of the calibration text may take in memory; a longer one is kept in the job folder.
  public var activationMemory = ModelQuantizer.defaultActivationMemory
  /// A quarter of the machine's memory, or of what a control group around the process leaves of it.
  public static let defaultActivationMemory =
    min(
      Int(clamping: ProcessInfo.processInfo.physicalMemory), AvailableMemory.bytes ?? .max) / 4
  /// How the quantized model is tuned; nil: not at all.
  public var tuning: Tuning?
  /// Where the finished model goes.
  public let output: String
  /// Where finished blocks are kept meanwhile.
  public let job: String

  /// What the second moments are taken from.
  public enum Statistics: Sendable {
    /// Measured on text that passes the original blocks; kept in a folder if one is named.
    case measured(CalibrationWindows, savedTo: SecondMomentFolder? = nil)
    /// Measured on text that passes the quantized blocks.
    case sequential(CalibrationWindows)
    /// Read from a folder.
    case read(SecondMomentFolder)

    /// What the user should know of the text.
    public var notices: [String] {
      switch self {
      case .measured(let windows, _), .sequential(let windows): windows.notices
      case .read: []
      }
    }
  }

  /// What a finished run tells.
  public struct Summary: Sendable {
    /// What became of every matrix.
    public let record: QuantizationRecord
    /// Every matrix in the order of the work.
    public var matrices: [MatrixReport] { record.matrices }
    /// Blocks that an earlier run had finished.
    public let resumedBlocks: Int
    /// What the user should know.
    public let notices: [String]
    /// The plan with its final shapes.
    public let plan: QuantizationPlan
    /// What tuning did, where the job tunes.
    public let tuning: TuningSummary?
  }

  /// How the quantized model is tuned.
  public struct Tuning: Sendable {
    /// What is fitted, and how.
    public let options: TuningOptions
    /// What windows are cut from.
    public let text: TuningText

    /// Tuning on a text.
    public init(options: TuningOptions, text: TuningText) {
      self.options = options
      self.text = text
    }
  }

  /// Prepares the work; nothing is read or written yet.
  public init(
    model: ModelDirectory, plan: QuantizationPlan, statistics: Statistics, guidance: Double = defaultGuidance,
    seed: UInt64 = 0, budget: BitBudget? = nil, output: String, job: String? = nil
  ) {
    self.model = model
    self.plan = plan
    self.statistics = statistics
    self.guidance = guidance
    self.seed = seed
    self.budget = budget
    self.output = output
    self.job = job ?? Self.defaultJob(output: output)
  }

  /// The job folder of an output for which none is named.
  package static func defaultJob(output: String) -> String { output + ".job" }

  /// Whether an earlier run has left finished work in a job folder.
  package static func hasJob(at path: String) -> Bool { JobFolder.exists(path) }

  /// Whether the work in a job folder reads its second moments from files; nil where no work is under way.
  package static func jobReadsSecondMoments(at path: String) -> Bool? { JobFolder.readsStatistics(path) }

  /// Does all the work and assembles the output folder.
  ///
  /// - Parameter onAllocation: is told the plan that a budget led to, and what errors cost, before any matrix is quantized.
  /// - Throws: `QuantizationError` that names the layer, or whatever reading and writing throw. Finished blocks stay in
  ///   the job folder unless everything is done.
  public func run(
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false },
    onAllocation: (QuantizationPlan, ModelSensitivity?) throws -> Void = { _, _ in }
  ) throws -> Summary {
    let (work, windows) = try work()
    let opened = try OpenedJob(work, windows: windows, path: job, residentLimit: activationMemory)
    let summary = try withoutActuallyEscaping(isCancelled) { isCancelled in
      let run = LocalRun(opened, progress: progress, isCancelled: isCancelled)
      if budget != nil {
        let sensitivity = try run.analyse()
        try onAllocation(opened.results.plan ?? plan, sensitivity)
      }
      let (resumed, notices) = try run.quantize()
      return try opened.assemble(
        output: output, notices: statistics.notices + notices, resumedBlocks: resumed, progress: progress,
        isCancelled: isCancelled)
    }
    opened.results.folder.remove()
    return summary
  }

  private func work() throws -> (JobWork, CalibrationWindows?) {
    let (source, windows): (JobWork.Source, CalibrationWindows?) =
      switch statistics {
      case .measured(let windows, let folder): (.measured(savedTo: folder), windows)
      case .sequential(let windows): (.sequential, windows)
      case .read(let folder): (.read(folder), nil)
      }
    var work = try JobWork(
      model: model, plan: plan, budget: budget, source: source,
      text: (windows?.windows.count ?? 0, windows?.windows.first?.count ?? 0), guidance: guidance, seed: seed,
      division: division)
    if let tuning { try work.tune(JobTuning(options: tuning.options, text: tuning.text)) }
    return (work, windows)
  }
}
