import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

extension TaskExecutor {
  func statistics(
    _ task: JobTask, _ text: JobTask.Text, block: Int, shard: Int, measures: Bool, _ report: Report
  ) throws {
    let all = work.windows(text, of: try windows().windows)
    let windows = all[work.shardRanges(text)[shard]]
    let runner = try blockRunner()
    let widths = work.widths(text, block: block)
    var moments = SecondMoments()
    if shard > 0, let before = graph[.statistics(text, block: block, shard: shard - 1)] {
      moments = try results.takeMoments(of: before)
    }
    let weights = text == .main ? try tokenWeights(ofBlock: block) : [:]
    let observe: InputObserver = { input, x, rows in
      if let width = widths[input] { moments.add(input, x, rows: rows, width: width, weights: weights[input]) }
    }
    let keepsStates = !(work.isSequential && text == .main) && work.hasSuccessor(text, block: block)
    let (before, place) = try before(text, block, shard, givenUp: keepsStates)
    let sink = try sink(task, windows: windows.count, keepsStates: keepsStates, in: place, widths: widths)
    let isNeeded = (measures || sink.isFile) && !widths.isEmpty
    try run(
      windows, through: try runner.pass(block), before: before, sink, report, observe: isNeeded ? observe : nil)
    try sink.finish(moments)
  }

  func advance(_ task: JobTask, block: Int, shard: Int, _ report: Report) throws {
    let windows = try windows().windows[work.shardRanges(.main)[shard]]
    let matrices = (results.plan ?? work.plan).matrices.filter { $0.block == block }
    var source: any TensorSource = work.model
    for part in work.parts(ofBlock: block).indices {
      guard let task = graph[.quantization(block: block, part: part)], let done = results.finishedBlock(task) else {
        throw QuantizationError(.badStatistics, "block \(block) is not quantized yet")
      }
      source = LayeredSource(top: done.file, base: source)
    }
    let settings = QuantizationSettings(
      layers: try matrices.map { ($0.module, try $0.settings(in: work.model)) })
    let pass = try blockRunner().pass(block, from: source, settings: settings)
    let (before, place) = try before(.main, block, shard, givenUp: true)
    let sink = try sink(task, windows: windows.count, keepsStates: true, in: place, widths: [:])
    try run(windows, through: pass, before: before, sink, report, observe: nil)
    try sink.finish(SecondMoments())
  }

  /// The residual stream before a block, nil before the first one; and, where it is in memory and nobody else will read it,
  /// its place for the one behind the block.
  private func before(
    _ text: JobTask.Text, _ block: Int, _ shard: Int, givenUp: Bool
  ) throws -> (states: (any Activations)?, place: ActivationBuffer?) {
    guard block > 0 else { return (nil, nil) }
    let kind: JobTask.Kind =
      work.isSequential && text == .main
      ? .advance(block: block - 1, shard: shard) : .statistics(text, block: block - 1, shard: shard)
    guard let task = graph[kind] else { return (nil, nil) }
    let states = try results.activations(of: task)
    guard givenUp, let buffer = states as? ActivationBuffer else { return (states, nil) }
    results.forgetActivations(of: task)
    return (states, buffer)
  }

  private func sink(
    _ task: JobTask, windows: Int, keepsStates: Bool, in place: ActivationBuffer?, widths: [LinearInput: Int]
  ) throws -> ActivationSink {
    let count = keepsStates ? try blockRunner().floatCount(windows: windows) : 0
    let passFloats = try blockRunner().floatCount(windows: BlockRunner.windowsPerPass)
    let passes = Swift.stride(from: 0, to: count, by: passFloats).map { min(passFloats, count - $0) }
    if let limit = results.residentLimit, try blockRunner().floatCount(windows: windows) * 4 <= limit {
      let buffer = keepsStates ? place ?? ActivationBuffer(count: count, passFloats: passFloats) : nil
      return ActivationSink(buffer: buffer, passes: passes) { [results] moments in
        results.keep(TaskResults.Resident(activations: buffer, moments: moments), of: task.index)
      }
    }
    let writer = try StatisticsFileWriter(
      path: results.folder.file(task), passes: passes, widths: widths, metadata: results.metadata(task))
    return ActivationSink(writer: writer, passes: passes)
  }

  /// Sends windows through a block, a pass at a time.
  private func run(
    _ windows: ArraySlice<[Int]>, through pass: BlockRunner.Pass, before: (any Activations)?, _ sink: ActivationSink,
    _ report: Report, observe: InputObserver?
  ) throws {
    let runner = try blockRunner()
    let size = BlockRunner.windowsPerPass
    try withScratch(count: runner.floatCount(windows: min(size, windows.count))) { states in
      for (number, first) in Swift.stride(from: windows.startIndex, to: windows.endIndex, by: size).enumerated() {
        let part = windows[first..<min(windows.endIndex, first + size)]
        let count = runner.floatCount(windows: part.count)
        if let before {
          try before.read(pass: number, into: states, count: count)
        } else {
          try runner.embed(part).withUnsafeBufferPointer { embedded in
            if let base = embedded.baseAddress { states.update(from: base, count: count) }
          }
        }
        // Where nothing reads what comes out and nothing is measured, there is nothing to do.
        if observe != nil || !sink.passes.isEmpty { pass.apply(states, windows: part.count, observe: observe) }
        try sink.write(pass: number, from: states)
        try report(Double(part.endIndex - windows.startIndex) / Double(windows.count), "statistics")
      }
    }
  }
}
