public import Quantization
public import Tensors

/// A place where the tasks of a job are run: this machine, or a cluster engine.
///
/// Another engine is another type of this protocol, in a file of its own. A launcher starts processes that all do the same,
/// `vptq job run FOLDER …`; what they do with one another goes through the job folder alone.
public protocol TaskLauncher: Sendable {
  /// Its name, as `--engine` takes it.
  static var engine: String { get }

  /// Hands the unfinished tasks of a job to the engine.
  ///
  /// - Parameter progress: is told how far the tasks are while the call waits for them, if it does.
  /// - Returns: what has been started; of an engine that runs on after the call, with the numbers it gave.
  /// - Throws: `LaunchingError`.
  func launch(_ request: LaunchRequest, progress: any ProgressListener) throws -> Submission

  /// What the engine says of what was started; empty where it has nothing to say.
  ///
  /// - Throws: `LaunchingError` (`engineFailed`) if it cannot be asked.
  func states(of submission: Submission) throws -> [EngineState]
}

/// What a launcher is asked for.
public struct LaunchRequest {
  /// The job.
  public let job: QuantizationJob
  /// What its tasks take.
  public let costs: TaskCosts
  /// The program that does them: the path of `vptq`.
  public let program: String
  /// Processes at a time.
  public var parallel: Int
  /// Threads of each process.
  public var threads: Int
  /// Arguments that every process gets besides.
  public var arguments: [String] = []

  /// A request for `parallel` processes of `threads` threads.
  public init(job: QuantizationJob, costs: TaskCosts, program: String, parallel: Int, threads: Int) {
    (self.job, self.costs, self.program) = (job, costs, program)
    (self.parallel, self.threads) = (parallel, threads)
  }
}

/// What an engine says of one piece of a submission.
public struct EngineState: Sendable, Equatable {
  /// The stage it belongs to.
  public let stage: String
  /// The engine's own name of the piece, for instance `17_3`.
  public let name: String
  /// The engine's own word, for instance `PENDING`.
  public let state: String
  /// Why it is so, where the engine says.
  public let reason: String

  /// A state in the engine's words.
  public init(stage: String, name: String, state: String, reason: String = "") {
    (self.stage, self.name, self.state, self.reason) = (stage, name, state, reason)
  }
}
