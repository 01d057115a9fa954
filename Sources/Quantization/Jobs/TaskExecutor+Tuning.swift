import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

extension TaskExecutor {
  /// Sends the windows of the tuning text through an original block.
  func original(_ task: JobTask, block: Int, _ report: Report) throws {
    let options = try tuning().options
    let settings = try QuantizationSettings(work.model.configuration)
    let tuner = try blockTuner(block, source: work.model, settings: settings, options).tuner
    try advance(task, tuner, before: block == 0 ? nil : .original(block: block - 1), "original block", report)
  }

  /// Sends them through a tuned block.
  func tuned(_ task: JobTask, block: Int, _ report: Report) throws {
    let options = try tuning().options
    guard let done = graph[.tuning(block: block)].flatMap({ TuningFile(path: results.folder.file($0)) }) else {
      throw QuantizationError(.badStatistics, "block \(block) is not tuned yet")
    }
    let (files, settings) = try quantized([block])
    let tuner = try blockTuner(
      block, source: OverlaidTensors(files + [done.file], base: PlainTensors(work.model)), settings: settings, options
    ).tuner
    try advance(task, tuner, before: block == 0 ? nil : .tuned(block: block - 1), "tuned block", report)
  }

  /// Tunes one block, or the whole model.
  func tuning(_ task: JobTask, block: Int?, _ report: Report) throws {
    let options = try tuning().options
    let blocks = block.map { [$0] } ?? Array(0..<work.configuration.layerCount)
    let (files, settings) = try quantized(blocks)
    let source = OverlaidTensors(files, base: PlainTensors(work.model))
    let checkpoint = TuningCheckpoint(
      folder: "\(results.folder.path)/\(JobFolder.checkpoints)/\(task.name)", fingerprint: results.weights(task))
    let parameters: TunedParameters
    var journal: TuningJournal
    func goOn(_ journal: TuningJournal) throws {
      let error = journal.losses.last.map { "error \(TuningSummary.rounded($0))" } ?? ""
      do {
        try report(Double(journal.losses.count) / Double(options.steps), error)
      } catch {
        try journal.save()
        throw error
      }
    }
    if let block {
      let (tuner, tuned) = try blockTuner(block, source: source, settings: settings, options)
      parameters = tuned.parameters
      journal = try TuningJournal(parameters, options: options, checkpoint: checkpoint, total: options.steps)
      try tuner.tune(
        block, from: stream(before: block == 0 ? nil : .tuned(block: block - 1)),
        to: stream(before: .original(block: block)), &journal, firstStep: 0, onStep: goOn)
    } else {
      let precision = options.isExact ? LinearAlgebra.Precision.float32 : .fastest
      let tuned = try TuningModel(work.configuration, source: source, settings: settings, precision: precision)
      parameters = tuned.parameters
      journal = try TuningJournal(parameters, options: options, checkpoint: checkpoint, total: options.steps)
      try ModelTuning(
        tuned: tuned, original: TuningModel(work.model, precision: precision), text: tuningText(), options: options
      ).run(&journal, onStep: goOn)
    }
    stepsTaken += journal.losses.count - journal.resumedSteps
    try TuningFile.write(
      parameters, losses: journal.losses, to: results.folder.file(task), metadata: results.metadata(task))
    checkpoint.remove()
  }

  private func tuning() throws -> JobTuning {
    guard let tuning = work.tuning else { throw QuantizationError(.incomplete, "this job tunes nothing") }
    return tuning
  }

  private func tuningText() throws -> TuningText {
    let tuning = try tuning()
    let text = try tuning.text ?? TuningText(streams: windows().windows)
    try text.validate(length: tuning.options.tokens, vocabulary: work.configuration.vocabularySize)
    return text
  }

  /// The files of some quantized blocks, and the settings of their layers.
  private func quantized(_ blocks: [Int]) throws -> (files: [SafetensorsFile], settings: QuantizationSettings) {
    _ = try allocate()
    let plan = results.plan ?? work.plan
    let wanted = Set(blocks)
    let files = try graph.tasks.compactMap { task -> SafetensorsFile? in
      guard case .quantization(let block, _) = task.kind, wanted.contains(block) else { return nil }
      guard let done = results.finishedBlock(task) else {
        throw QuantizationError(.badStatistics, "block \(block) is not quantized yet")
      }
      return done.file
    }
    let matrices = plan.matrices.filter { wanted.contains($0.block) }
    return (files, QuantizationSettings(layers: try matrices.map { ($0.module, try $0.settings(in: work.model)) }))
  }

  private func blockTuner(
    _ block: Int, source: any TensorSource, settings: QuantizationSettings?, _ options: TuningOptions
  ) throws -> (tuner: BlockTuner, tuned: TunedBlock) {
    let tuned = try TunedBlock(
      block, work.configuration, source: source, settings: settings,
      precision: options.isExact ? .float32 : .fastest)
    let tuner = BlockTuner(tuned.block, tuned.parameters, configuration: work.configuration, options: options)
    return (tuner, tuned)
  }

  /// A residual stream of the tuning text: what a task left, or the embedding.
  private func stream(before kind: JobTask.Kind?) throws -> any Activations {
    guard let kind else { return try embeddedStream() }
    guard let task = graph[kind] else { throw QuantizationError(.badStatistics, "the job has no such stream") }
    return try results.activations(of: task)
  }

  private func embeddedStream() throws -> any Activations {
    let (options, text) = (try tuning().options, try tuningText())
    let embedding = try ParameterLoader(source: work.model, settings: nil).embedding(work.configuration)
    return EmbeddedWindows(
      windows: (0..<options.blockWindows).map { text.window(draw: $0, length: options.tokens, seed: options.seed) },
      embedding: embedding, scale: work.configuration.embeddingScale)
  }

  private func advance(
    _ task: JobTask, _ tuner: BlockTuner, before: JobTask.Kind?, _ detail: String, _ report: Report
  ) throws {
    let options = try tuning().options
    let floats = options.tokens * work.configuration.hiddenSize
    let passes = [Int](repeating: floats, count: options.blockWindows)
    let sink: ActivationSink
    if let limit = results.residentLimit, 4 * floats * options.blockWindows <= limit {
      let buffer = ActivationBuffer(count: floats * options.blockWindows, passFloats: floats)
      sink = ActivationSink(buffer: buffer, passes: passes) { [results] _ in
        results.keep(TaskResults.Resident(activations: buffer, moments: nil), of: task.index)
      }
    } else {
      sink = ActivationSink(
        writer: try StatisticsFileWriter(
          path: results.folder.file(task), passes: passes, widths: [:], metadata: results.metadata(task)),
        passes: passes)
    }
    try tuner.advance(stream(before: before), report: { try report($0, detail) }) { window, states in
      try sink.write(pass: window, from: states)
    }
    try sink.finish(SecondMoments())
  }
}

/// Windows of text before the first block.
private final class EmbeddedWindows: Activations {
  let windows: [[Int]]
  let embedding: Tensor
  let scale: Float

  init(windows: [[Int]], embedding: Tensor, scale: Float) {
    (self.windows, self.embedding, self.scale) = (windows, embedding, scale)
  }

  func read(pass: Int, into target: UnsafeMutablePointer<Float>, count: Int) {
    target.update(from: DecoderModel.embed(windows[pass], embedding, scale: scale), count: count)
  }
}
