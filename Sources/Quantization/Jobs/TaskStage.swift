/// Tasks of one kind that a cluster engine is given together, as an array of lanes.
///
/// A lane is a list of tasks for one process, in their order; lanes of a stage run side by side. The statistics of each shard
/// are a lane; where a task of one lane waits for one of another, its process does that one, or waits for whoever does.
public struct TaskStage: Sendable {
  /// What kind of work it is, and of which block where blocks come one after the other.
  public let name: String
  /// The tasks of each lane, by index.
  public let lanes: [[Int]]
  /// Stages that have to end before this one begins, by index; all are earlier.
  public let after: [Int]
}

extension TaskGraph {
  /// All tasks as stages.
  public var stages: [TaskStage] {
    var names: [String] = []
    var lanes: [[[Int]]] = []
    var laneOfKey: [[String: Int]] = []
    var stageOfTask = [Int](repeating: 0, count: tasks.count)
    let isSequential = tasks.contains { if case .advance = $0.kind { true } else { false } }
    for task in tasks {
      var name = task.stage
      var key = task.name
      switch task.kind {
      case .statistics(.analysis, _, _), .original, .tuning, .tuned: key = ""
      case .statistics(.main, let block, let shard):
        key = "\(shard)"
        if isSequential { name += " \(block)" }
      case .quantization(let block, _), .advance(let block, _): if isSequential { name += " \(block)" }
      default: break
      }
      let stage = names.firstIndex(of: name) ?? names.endIndex
      if stage == names.endIndex {
        names.append(name)
        lanes.append([])
        laneOfKey.append([:])
      }
      if let lane = laneOfKey[stage][key] {
        lanes[stage][lane].append(task.index)
      } else {
        laneOfKey[stage][key] = lanes[stage].count
        lanes[stage].append([task.index])
      }
      stageOfTask[task.index] = stage
    }
    return names.indices.map { stage in
      let inputs = lanes[stage].joined().flatMap { tasks[$0].inputs.map { stageOfTask[$0] } }
      return TaskStage(name: names[stage], lanes: lanes[stage], after: Set(inputs).subtracting([stage]).sorted())
    }
  }
}
