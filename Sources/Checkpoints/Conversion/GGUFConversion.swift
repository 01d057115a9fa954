import Foundation
import JSONReader
public import Tensors

/// Turns a GGUF file into a model folder in the layout of the Hugging Face hub.
public enum GGUFConversion {
  /// The values of `general.architecture` that are converted, sorted.
  public static var architectures: [String] { GGUFArchitectures.all.keys.sorted() }

  /// Converts `file` to `folder`: weights dequantized and rounded to `dtype` (`float16`, `bfloat16`, `float32`),
  /// configuration, and the tokenizer with its chat template.
  ///
  /// One tensor is in memory at a time. `config.json` is written last, so that a folder that has it is complete.
  ///
  /// - Returns: what was left out, one sentence each; empty if the folder holds everything the file does.
  /// - Throws: `CheckpointError`: `unsupported` names the architecture, tensor or option that is not converted (before
  ///   any weight is read), `malformedFile`, `missingTensor`, or `cannotWrite`.
  @discardableResult
  public static func convert(
    _ file: GGUFFile, to folder: String, dtype: DType = .float16, progress: any ProgressListener = SilentProgress()
  ) throws -> [String] {
    guard [.float16, .bfloat16, .float32].contains(dtype) else {
      throw CheckpointError(.unsupported, "weights can be stored as F16, BF16 or F32, not as \(dtype.rawValue)")
    }
    let model = try GGUFModel(file)
    let vocabulary = try GGUFTokenizerFiles(file)
    let configuration = model.configuration(dtype: dtype, vocabulary: vocabulary)
    var companions = [(name: "generation_config.json", content: vocabulary.generationConfiguration)]
    var notes = model.notes
    switch try vocabulary.outcome() {
    case .files(let files): companions += files
    case .none(let reason):
      notes.append("\(reason); no tokenizer was written: copy tokenizer.json from the original model to \(folder)")
    }
    let weights = model.weights
    let writer = try CheckpointWriter(
      folder: folder, declarations: weights.map { ($0.name, $0.dtype(dtype), $0.shape) })
    for (index, weight) in weights.enumerated() {
      try writer.write(weight.name, try weight.read(file, dtype: dtype))
      progress.report("converting \(file.path)", completed: index + 1, total: weights.count, unit: .items("tensors"))
    }
    let base = URL(fileURLWithPath: folder)
    let configurationPath = base.appendingPathComponent("config.json").path
    try AtomicFile.remove(configurationPath)
    try writer.finish()
    for (name, content) in companions { try JSONFile.write(content, to: base.appendingPathComponent(name).path) }
    try JSONFile.write(configuration, to: configurationPath)
    return notes
  }
}
