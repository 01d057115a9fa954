import ArgumentParser
import Evaluation

/// Which zero-shot tasks are measured, and on how many items.
struct TaskArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Tasks, divided by commas, or all: \(TaskEvaluation.names.joined(separator: ", ")).", valueName: "list")
  )
  var tasks: String?

  @Option(
    help: ArgumentHelp(
      "The folder with the data of tasks and of named texts; without it they are pulled from the hub.",
      valueName: "folder"))
  var data: String?

  @Option(help: "The first so many items of each task, or of each subject of mmlu (default: all).")
  var limit: Int?

  @Option(help: "Solved examples before each item, chosen as lm-eval does; 5 is usual for mmlu.")
  var shots = 0

  @Option(
    help: ArgumentHelp("Write every item with its log-likelihoods, one JSON document to a line.", valueName: "file"))
  var samplesOut: String?

  func validate() throws {
    if tasks != nil, names.isEmpty { throw ValidationError("--tasks names no task") }
    if tasks == nil, samplesOut != nil { throw ValidationError("--samples-out writes the items of --tasks") }
    for name in names where !TaskEvaluation.isKnown(name) {
      throw ValidationError(
        "--tasks: there is no task \"\(name)\"; known are \(TaskEvaluation.names.joined(separator: ", "))")
    }
    guard (0...64).contains(shots) else { throw ValidationError("--shots must be between 0 and 64, not \(shots)") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1, not \(limit)") }
  }

  private var names: [String] {
    let names = (tasks ?? "").split(separator: ",").map(String.init)
    return names == ["all"] ? TaskEvaluation.names : names
  }

  /// The items of the tasks; what no folder was given for is pulled.
  func read(quiet: Bool) async throws -> TaskEvaluation? {
    guard tasks != nil else { return nil }
    if let data { return try TaskEvaluation(names, folder: data, limit: limit, shots: shots) }
    var folders: [String: String] = [:]
    for data in try TaskEvaluation.published(names, shots: shots) {
      folders[data.name] = try await HubDownload.pull(data, quiet: quiet)
    }
    return try TaskEvaluation(names, limit: limit, shots: shots) { folders[$0.name] ?? "" }
  }
}
