public import Checkpoints
public import LanguageModels
public import Tensors

/// How long a model takes to load, and until it has answered a prompt of one token.
///
/// The first load may have to read the disk; later ones find the files in memory. So where there are several, the first
/// does not count.
public struct LoadTime: Sendable {
  /// Seconds to open the files and to prepare the weights.
  public let load: Measured
  /// Seconds from the start of loading to the logits of a first token.
  public let firstToken: Measured

  /// Loads the model of `folder`, hands it to `body`, and then loads it `loads` times more that count (for one load, the
  /// first one counts).
  ///
  /// Only one is in memory at a time, and what `body` finds of the process's memory is that of a first load.
  ///
  /// - Throws: what loading, the forward pass or `body` throws, or `CancellationError`.
  public static func measure<Result>(
    _ folder: ModelDirectory, options: RuntimeOptions = RuntimeOptions(), loads: Int = 3,
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false },
    body: (any CausalLanguageModel) throws -> Result
  ) throws -> (time: LoadTime, result: Result) {
    guard loads >= 1 else { throw EvaluationError(.invalidOption, "the number of loads must be at least 1") }
    var times: [(load: Double, firstToken: Double)] = []
    let result = try {
      let (model, time) = try timed(folder, options)
      if loads == 1 { times.append(time) }
      return try body(model)
    }()
    while times.count < loads {
      if isCancelled() { throw CancellationError() }
      times.append(try timed(folder, options).time)
      progress.report("loading again", completed: times.count, total: loads, unit: .items("loads"))
    }
    return (LoadTime(load: Measured(times.map(\.load)), firstToken: Measured(times.map(\.firstToken))), result)
  }

  private static func timed(
    _ folder: ModelDirectory, _ options: RuntimeOptions
  ) throws -> (model: any CausalLanguageModel, time: (load: Double, firstToken: Double)) {
    let start = ContinuousClock.now
    let model = try ModelRegistry.load(folder, options: options)
    let load = Double(start.duration(to: .now) / .seconds(1))
    _ = try model.forward([Segment(tokens: [0], cache: model.makeCache(capacity: 2))], logits: .last)
    return (model, (load, Double(start.duration(to: .now) / .seconds(1))))
  }
}
