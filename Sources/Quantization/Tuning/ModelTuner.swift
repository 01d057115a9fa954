public import Checkpoints
import JSONReader
import LanguageModels
public import Tensors

/// Tunes a vector-quantized model after the fact: codes stay, codebooks, scales, shifts, biases and norms move so that the
/// model does again what the original did.
///
/// `full` minimises the divergence of the next-token probabilities from the original's (knowledge distillation, Hinton,
/// Vinyals and Dean, 2015); `block` minimises, block by block, the error of the residual stream. A second run with the same
/// arguments takes up where the first one ended.
public struct ModelTuner: Sendable {
  /// The quantized model.
  public let model: ModelDirectory
  /// The model it was made from.
  public let reference: ModelDirectory
  /// What windows are cut from.
  public let text: TuningText
  /// What is fitted, and how.
  public let options: TuningOptions
  /// Where the tuned model goes.
  public let output: String
  /// Where checkpoints are kept meanwhile.
  public let job: String

  /// Prepares the work; nothing is read or written yet.
  public init(
    model: ModelDirectory, reference: ModelDirectory, text: TuningText, options: TuningOptions, output: String,
    job: String? = nil
  ) {
    self.model = model
    self.reference = reference
    self.text = text
    self.options = options
    self.output = output
    self.job = job ?? Self.defaultJob(output: output)
  }

  /// The job folder of an output for which none is named.
  package static func defaultJob(output: String) -> String { output + ".tuning" }

  /// Whether an earlier run has left a checkpoint in a job folder.
  package static func hasJob(at path: String) -> Bool { TuningCheckpoint.exists(path) }

  /// Does all the work and writes the output folder.
  ///
  /// - Throws: `QuantizationError`: `unsupported` names a part of the model that cannot be tuned, `shapeMismatch` says in what
  ///   the two models differ, `nonFiniteLoss` a step that went astray, `interrupted` where `isCancelled` asked to stop. The
  ///   last checkpoint stays in the job folder unless everything is done.
  public func run(
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> TuningSummary {
    try options.validate()
    let configuration = try ModelConfiguration(model)
    try TuningModel.check(configuration)
    try checkReference(configuration)
    try text.validate(length: options.tokens, vocabulary: configuration.vocabularySize)
    let precision = options.isExact ? LinearAlgebra.Precision.float32 : .fastest
    let tuned = try TuningModel(model, precision: precision)
    guard tuned.hasTunedMatrix else {
      throw QuantizationError(
        .unsupported, "\(model.path) has no vector-quantized matrix; quantize the model before tuning it")
    }
    let original = try TuningModel(reference, precision: precision)
    let checkpoint = TuningCheckpoint(folder: job, fingerprint: try fingerprint(configuration))
    let total = options.mode == .full ? options.steps : options.steps * configuration.layerCount
    var journal = try TuningJournal(tuned.parameters, options: options, checkpoint: checkpoint, total: total)
    func goOn(_ journal: TuningJournal) throws {
      if isCancelled() {
        try journal.save()
        throw QuantizationError(
          .interrupted, "interrupted after \(journal.losses.count) steps; the same command goes on from there")
      }
    }
    switch options.mode {
    case .full: try tuneWhole(tuned, original, &journal, progress, goOn)
    case .block: try tuneBlocks(tuned, original, &journal, progress, goOn)
    }
    let summary = TuningSummary(
      losses: journal.losses, resumedSteps: journal.resumedSteps, parameterCount: tuned.parameters.count)
    try TunedOutput(
      model: model, parameters: tuned.parameters, output: output, summary: summary.record(options)
    ).write(progress)
    checkpoint.remove()
    return summary
  }

  private func tuneWhole(
    _ tuned: TuningModel, _ original: TuningModel, _ journal: inout TuningJournal, _ progress: any ProgressListener,
    _ goOn: (TuningJournal) throws -> Void
  ) throws {
    try ModelTuning(tuned: tuned, original: original, text: text, options: options).run(&journal) { journal in
      Self.report(journal, progress)
      try goOn(journal)
    }
    Self.report(journal, progress)
  }

  private static func report(_ journal: TuningJournal, _ progress: any ProgressListener) {
    guard let last = journal.losses.last else { return }
    progress.report(
      "tuning", detail: "divergence \(TuningSummary.rounded(last))", completed: journal.losses.count,
      total: journal.total, unit: .items("steps"))
  }

  private func tuneBlocks(
    _ tuned: TuningModel, _ original: TuningModel, _ journal: inout TuningJournal, _ progress: any ProgressListener,
    _ goOn: (TuningJournal) throws -> Void
  ) throws {
    let floats = options.tokens * tuned.configuration.hiddenSize
    func stream(_ model: TuningModel) -> ActivationBuffer {
      let buffer = ActivationBuffer(count: options.blockWindows * floats, passFloats: floats)
      for window in 0..<options.blockWindows {
        let states = model.embed(text.window(draw: window, length: options.tokens, seed: options.seed))
        buffer.write(pass: window, from: states, count: floats)
      }
      return buffer
    }
    let (originals, streams) = (stream(original), stream(tuned))
    for index in tuned.blocks.indices where journal.losses.count < journal.total {
      try BlockTuner(
        original.blocks[index], original.parameters, configuration: original.configuration, options: options
      ).advance(originals) { originals.write(pass: $0, from: $1, count: floats) }
      let tuner = BlockTuner(
        tuned.blocks[index], tuned.parameters, configuration: tuned.configuration, options: options)
      try tuner.tune(index, from: streams, to: originals, &journal, firstStep: index * options.steps) { journal in
        try goOn(journal)
        let error = journal.losses.last.map { ", error \(TuningSummary.rounded($0))" } ?? ""
        progress.report(
          "tuning", detail: "block \(index + 1) of \(tuned.blocks.count)\(error)", completed: journal.losses.count,
          total: journal.total, unit: .items("steps"))
      }
      try tuner.advance(streams) { streams.write(pass: $0, from: $1, count: floats) }
    }
  }

  /// Refuses a reference that the model was not made from.
  private func checkReference(_ configuration: ModelConfiguration) throws {
    let original = try ModelConfiguration(reference)
    let pairs = [
      ("hidden size", configuration.hiddenSize, original.hiddenSize),
      ("number of blocks", configuration.layerCount, original.layerCount),
      ("vocabulary", configuration.vocabularySize, original.vocabularySize),
    ]
    for (name, own, other) in pairs where own != other {
      throw QuantizationError(
        .shapeMismatch,
        "\(model.path) has \(name) \(own), the reference \(reference.path) \(other); give the model it was made from")
    }
    guard configuration.blocks == original.blocks else {
      throw QuantizationError(
        .shapeMismatch,
        "\(reference.path) has blocks of another make than \(model.path); give the model it was made from")
    }
  }

  /// Everything that decides the output: both models, text and options.
  private func fingerprint(_ configuration: ModelConfiguration) throws -> String {
    var print = Fingerprint()
    for folder in [model, reference] {
      print.add(folder.configuration.serialized(pretty: false))
      for name in folder.tensorNames { print.add(name) }
      print.add(folder.fileBytes)
      print.add(try WeightDigests(folder, blocks: configuration.layerCount).digests.last ?? "")
    }
    for stream in text.streams {
      print.add(stream.count)
      for token in stream { print.add(token) }
    }
    var decisive = options
    decisive.checkpointInterval = 1
    print.add("\(decisive)")
    return print.text
  }
}
