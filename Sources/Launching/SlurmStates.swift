import Foundation

/// What Slurm says of the pieces of a submission: `squeue` of what waits and runs, `sacct` of what has ended where accounting
/// is kept, else `scontrol` as long as it remembers.
enum SlurmStates {
  static func isActive(_ state: String) -> Bool {
    ["PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "RESIZING"]
      .contains(state)
  }

  static func read(_ submission: Submission) throws -> [EngineState] {
    guard !submission.pieces.isEmpty else { return [] }
    let stages = Dictionary(submission.pieces.map { ($0.number, $0.stage) }, uniquingKeysWith: { first, _ in first })
    let numbers = submission.pieces.map(\.number).joined(separator: ",")
    // Of all jobs: a list of numbers is refused as a whole once one of them is forgotten.
    let queue = try Command.run("squeue", ["--noheader", "--array", "--states=all", "--format=%F|%K|%T|%r"])
    guard queue.status == 0 else {
      throw LaunchingError(
        .engineFailed, "squeue failed: \(queue.errors.trimmingCharacters(in: .whitespacesAndNewlines))")
    }
    var states: [String: EngineState] = [:]
    for state in parseQueue(queue.output, stages) { states[state.name] = state }
    if Command.find("sacct") != nil {
      let past = try Command.run("sacct", ["-X", "-n", "-P", "-j", numbers, "--format=JobID,State"])
      if past.status == 0 {
        for state in parseAccounting(past.output, stages) where states[state.name] == nil { states[state.name] = state }
      }
    }
    return states.values.sorted { $0.name.localizedStandardCompare($1.name) == .orderedAscending }
  }

  /// Lines of `17|3|RUNNING|None`; the index is `N/A` of what is no array.
  static func parseQueue(_ text: String, _ stages: [String: String]) -> [EngineState] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "|", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard fields.count >= 4, let stage = stages[fields[0]] else { return nil }
      let name = Int(fields[1]) == nil ? fields[0] : "\(fields[0])_\(fields[1])"
      let reason = fields[3] == "None" ? "" : fields[3]
      return EngineState(stage: stage, name: name, state: fields[2], reason: reason)
    }
  }

  /// Lines of `17_3|CANCELLED by 0`; elements that never began share a line, `17_[4-5]`.
  static func parseAccounting(_ text: String, _ stages: [String: String]) -> [EngineState] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "|", omittingEmptySubsequences: false)
      guard fields.count >= 2 else { return nil }
      let number = String(fields[0].prefix { $0 != "_" })
      guard let stage = stages[number], let state = fields[1].split(separator: " ").first else { return nil }
      return EngineState(stage: stage, name: String(fields[0]), state: String(state))
    }
  }
}
