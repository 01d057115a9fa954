import LanguageModels

/// The tasks of a quantization in an order in which one process can do them, and what each reads of the others.
///
/// The list follows from the work and its division alone, so every process that opens a job sees the same one.
public struct TaskGraph: Sendable {
  /// Every task; a task reads only results of earlier ones.
  public let tasks: [JobTask]
  /// By task, those that read its result.
  public let readers: [[Int]]
  private let indices: [JobTask.Kind: Int]

  /// Windows of one task of gradients.
  static let windowsPerChunk = 8

  init(_ work: JobWork) {
    var builder = Builder(work)
    builder.addAll()
    tasks = builder.tasks
    indices = builder.indices
    var readers = [[Int]](repeating: [], count: tasks.count)
    for task in tasks {
      for input in task.inputs { readers[input].append(task.index) }
    }
    self.readers = readers
  }

  /// The index of a task, if there is one of this kind.
  func index(_ kind: JobTask.Kind) -> Int? { indices[kind] }

  /// The task of this kind.
  subscript(kind: JobTask.Kind) -> JobTask? { indices[kind].map { tasks[$0] } }

  /// Those that a finished job must have: every matrix, and the second moments that are kept.
  var results: [JobTask] {
    tasks.filter {
      switch $0.kind {
      case .quantization, .secondMoments, .tuning: true
      default: false
      }
    }
  }

  /// Which tasks have to be done so that `goals` are, `isDone` told of each task.
  func needed(for goals: [JobTask], isDone: (JobTask) -> Bool) -> [Bool] {
    var needed = [Bool](repeating: false, count: tasks.count)
    for goal in goals { needed[goal.index] = true }
    for task in tasks.reversed() where needed[task.index] {
      if isDone(task) {
        needed[task.index] = false
      } else {
        for input in task.inputs { needed[input] = true }
      }
    }
    return needed
  }
}

extension TaskGraph {
  private struct Builder {
    let work: JobWork
    var tasks: [JobTask] = []
    var indices: [JobTask.Kind: Int] = [:]

    init(_ work: JobWork) { self.work = work }

    @discardableResult
    mutating func add(_ kind: JobTask.Kind, _ name: String, file: String? = nil, reading inputs: [JobTask.Kind]) -> Int
    {
      let index = tasks.count
      let file = file ?? name + (name.hasPrefix("sensitivity") ? ".json" : ".safetensors")
      tasks.append(
        JobTask(index: index, kind: kind, name: name, file: file, inputs: inputs.compactMap { indices[$0] }.sorted()))
      indices[kind] = index
      return index
    }

    static func digits(_ number: Int, _ count: Int = 5) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    mutating func addAll() {
      if work.writesText { add(.calibration, "calibration", reading: []) }
      if work.budget != nil { addAnalysis() }
      let chunks = work.weighsTokens ? chunkCount(.main) : 0
      for chunk in 0..<chunks { addGradients(.main, chunk, "gradients") }
      let weighing = (0..<chunks).map { JobTask.Kind.gradients(.main, chunk: $0) }
      for block in 0..<work.blockCount { addBlock(block, weighing) }
      addTuning()
    }

    private mutating func addTuning() {
      guard let mode = work.tuning?.options.mode else { return }
      func quantized(_ blocks: Range<Int>) -> [JobTask.Kind] {
        blocks.flatMap { block in
          work.parts(ofBlock: block).indices.map { .quantization(block: block, part: $0) }
        }
      }
      let layers = work.configuration.layerCount
      if mode == .full {
        add(.tuning(block: nil), "tuning", reading: [.calibration, .allocation] + quantized(0..<layers))
        return
      }
      for block in 0..<layers {
        let number = Self.digits(block)
        let (before, tunedBefore): (JobTask.Kind, JobTask.Kind) =
          block == 0 ? (.calibration, .calibration) : (.original(block: block - 1), .tuned(block: block - 1))
        add(.original(block: block), "original-\(number)", reading: [before])
        add(
          .tuning(block: block), "tuning-\(number)",
          reading: [.original(block: block), tunedBefore, .allocation] + quantized(block..<block + 1))
        guard block + 1 < layers else { continue }
        add(
          .tuned(block: block), "tuned-\(number)",
          reading: [tunedBefore, .tuning(block: block), .allocation] + quantized(block..<block + 1))
      }
    }

    private func chunkCount(_ text: JobTask.Text) -> Int {
      (work.windowCount(text) + TaskGraph.windowsPerChunk - 1) / TaskGraph.windowsPerChunk
    }

    private mutating func addGradients(_ text: JobTask.Text, _ chunk: Int, _ name: String) {
      let isOnly = chunkCount(text) == 1
      add(
        .gradients(text, chunk: chunk), isOnly ? name : "\(name)-\(Self.digits(chunk))", reading: [.calibration])
    }

    private mutating func addAnalysis() {
      let chunks = work.hasGradients ? chunkCount(.analysis) : 0
      for chunk in 0..<chunks { addGradients(.analysis, chunk, "analysis-gradients") }
      let gradients = (0..<chunks).map { JobTask.Kind.gradients(.analysis, chunk: $0) }
      for block in 0...work.lastPlannedBlock {
        let statistics = JobTask.Kind.statistics(.analysis, block: block, shard: 0)
        if work.measures {
          let before = JobTask.Kind.statistics(.analysis, block: block - 1, shard: 0)
          add(statistics, "analysis-\(Self.digits(block))", reading: [block == 0 ? .calibration : before])
        }
        add(.sensitivity(block: block), "sensitivity-\(Self.digits(block))", reading: [statistics] + gradients)
      }
      add(
        .allocation, "sensitivity", reading: (0...work.lastPlannedBlock).map { .sensitivity(block: $0) })
    }

    private mutating func addBlock(_ block: Int, _ weighing: [JobTask.Kind]) {
      let shards = work.measures ? work.shardRanges(.main).count : 0
      for shard in 0..<shards {
        var inputs = weighing + [before(block, shard)]
        if shard > 0 { inputs.append(.statistics(.main, block: block, shard: shard - 1)) }
        add(
          .statistics(.main, block: block, shard: shard), "statistics-\(Self.digits(block))-\(Self.digits(shard, 3))",
          reading: inputs)
      }
      let moments = JobTask.Kind.statistics(.main, block: block, shard: shards - 1)
      if let folder = work.keptMoments {
        add(
          .secondMoments(block: block), "second-moments-\(Self.digits(block))", file: folder.file(block: block),
          reading: [moments])
      }
      let parts = work.parts(ofBlock: block)
      for part in parts.indices {
        let name = "block-\(Self.digits(block))" + (work.division.partsPerBlock == 1 ? "" : "-\(Self.digits(part, 3))")
        add(.quantization(block: block, part: part), name, reading: [moments, .allocation])
      }
      guard work.isSequential, block + 1 < work.blockCount else { return }
      let quantized = parts.indices.map { JobTask.Kind.quantization(block: block, part: $0) }
      for shard in 0..<shards {
        add(
          .advance(block: block, shard: shard), "advance-\(Self.digits(block))-\(Self.digits(shard, 3))",
          reading: [before(block, shard)] + quantized)
      }
    }

    /// What tells the residual stream before a block.
    private func before(_ block: Int, _ shard: Int) -> JobTask.Kind {
      if block == 0 { return .calibration }
      return work.isSequential
        ? .advance(block: block - 1, shard: shard) : .statistics(.main, block: block - 1, shard: shard)
    }
  }
}
