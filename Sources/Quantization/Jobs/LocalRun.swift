import LanguageModels
import Tensors

/// Does the tasks of a job in their order in this process, and tells how far it is.
struct LocalRun {
  private let job: OpenedJob
  private let progress: any ProgressListener
  private let isCancelled: () -> Bool

  init(_ job: OpenedJob, progress: any ProgressListener, isCancelled: @escaping () -> Bool) {
    (self.job, self.progress, self.isCancelled) = (job, progress, isCancelled)
  }

  /// Measures what errors cost, unless that has been done, and chooses shapes by it.
  func analyse() throws -> ModelSensitivity? {
    guard let allocation = job.graph[.allocation] else { return nil }
    let needed = job.graph.needed(for: [allocation]) { job.results.isDone($0) }
    let tasks = job.graph.tasks.filter { needed[$0.index] }
    let total = tasks.reduce(0) { $0 + steps($1) }
    var done = 0
    try run(tasks, needed, "measuring what errors cost") { task, share, _ in
      progress.report(
        "measuring what errors cost", completed: done + Int(share * Double(steps(task))), total: total, unit: .share)
    } after: {
      done += steps($0)
    }
    return try job.executor.allocate()
  }

  /// A pass forth and back takes about as long as two forth.
  private func steps(_ task: JobTask) -> Int {
    switch task.kind {
    case .gradients: 2 * TaskGraph.windowsPerChunk
    case .statistics: 1
    default: 0
    }
  }

  /// Quantizes all matrices that are not quantized yet.
  ///
  /// - Returns: blocks that an earlier run had finished, and what to tell of the text.
  func quantize() throws -> (resumedBlocks: Int, notices: [String]) {
    let graph = job.graph
    let needed = graph.needed(for: graph.results) { job.results.isDone($0) }
    let tasks = graph.tasks.filter { needed[$0.index] }
    let windows = job.work.windowCount(.main)
    let quantized = tasks.compactMap { if case .quantization(let block, _) = $0.kind { block } else { nil } }
    let meter = BlockMeter(progress, blocks: (quantized.max() ?? -1) + 1)
    let shards = Double(max(1, job.work.shardRanges(.main).count))
    try run(tasks, needed, "weighing tokens") { task, share, detail in
      switch task.kind {
      case .gradients(_, let chunk):
        let first = chunk * TaskGraph.windowsPerChunk
        let count = min(windows, first + TaskGraph.windowsPerChunk) - first
        progress.report(
          "weighing tokens", completed: first + Int(share * Double(count)), total: windows, unit: .items("windows"))
      case .statistics(_, let block, let shard), .advance(let block, let shard):
        meter.report(block: block, "statistics", share: (Double(shard) + share) / shards / 2)
      case .quantization(let block, let part):
        let parts = Double(max(1, job.work.parts(ofBlock: block).count))
        meter.report(block: block, detail, share: 0.5 + (Double(part) + share) / parts / 2)
      case .original(let block), .tuned(let block): reportTuning(block, 0, detail)
      case .tuning(let block): reportTuning(block, share, detail)
      default: break
      }
    }
    let unfinished = Set(quantized)
    let blocks = Set(job.work.plan.matrices.map(\.block))
    return (blocks.subtracting(unfinished).count, tasks.isEmpty ? [] : job.weighingNotice.map { [$0] } ?? [])
  }

  private func reportTuning(_ block: Int?, _ share: Double, _ detail: String) {
    guard let options = job.work.tuning?.options else { return }
    let layers = job.work.configuration.layerCount
    progress.report(
      "tuning", detail: block.map { "block \($0 + 1) of \(layers), \(detail)" } ?? detail,
      completed: (block ?? 0) * options.steps + Int(share * Double(options.steps)),
      total: options.steps * (block == nil ? 1 : layers), unit: .items("steps"))
  }

  private func run(
    _ tasks: [JobTask], _ needed: [Bool], _ stage: String, report: (JobTask, Double, String) throws -> Void,
    after: (JobTask) -> Void = { _ in }
  ) throws {
    var pending = needed
    for task in tasks {
      try job.executor.execute(task, measures: feedsMatrices(task, needed)) { share, detail in
        try report(task, share, detail)
        if isCancelled() { throw interruption(task, stage) }
      }
      pending[task.index] = false
      after(task)
      for input in task.inputs where job.graph.readers[input].allSatisfy({ !pending[$0] }) {
        job.results.release(job.graph.tasks[input])
      }
      // Nothing reads what the last statistics leave but what has been done already.
      if job.graph.readers[task.index].allSatisfy({ !pending[$0] }) { job.results.release(task) }
    }
  }

  /// Whether anything that is to be done reads the second moments of a task of statistics or of those that go on with them.
  private func feedsMatrices(_ task: JobTask, _ needed: [Bool]) -> Bool {
    guard case .statistics(_, let block, _) = task.kind else { return false }
    return job.graph.readers[task.index].contains { index in
      guard needed[index] else { return false }
      let reader = job.graph.tasks[index]
      if case .statistics(_, block, _) = reader.kind { return feedsMatrices(reader, needed) }
      switch reader.kind {
      case .quantization, .secondMoments, .sensitivity: return true
      default: return false
      }
    }
  }

  private func interruption(_ task: JobTask, _ stage: String) -> QuantizationError {
    switch task.kind {
    case .quantization, .advance, .statistics(.main, _, _), .secondMoments: job.interrupted
    case .original, .tuning, .tuned:
      QuantizationError(.interrupted, "interrupted while tuning; the same command goes on from there")
    default: QuantizationError(.interrupted, "interrupted while \(stage); the same command goes on from there")
    }
  }
}
