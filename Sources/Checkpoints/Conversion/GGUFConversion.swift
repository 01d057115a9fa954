import Foundation
import JSONReader
public import Tensors

/// Turns a GGUF file into a model folder in the layout of the Hugging Face hub.
public enum GGUFConversion {
  /// Converts `file` (architecture `llama`) to `folder`: weights dequantized and rounded to `dtype` (`float16`,
  /// `bfloat16`, `float32`), configuration, and the tokenizer with its chat template.
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
    let model = try GGUFLlamaModel(file)
    let vocabulary = try GGUFVocabulary(file)
    let weights = try model.weights()
    let configuration = try model.configuration(dtype: dtype, vocabulary: vocabulary)
    var notes: [String] = []
    var companions: [(name: String, content: JSONValue)] = []
    companions.append(("generation_config.json", vocabulary.generationConfiguration))
    if vocabulary.isByteLevel {
      companions.append(("tokenizer.json", try vocabulary.tokenizer()))
      companions.append(("tokenizer_config.json", vocabulary.tokenizerConfiguration))
    } else {
      notes.append(
        "the tokenizer (\(vocabulary.model)) was not converted; "
          + "copy tokenizer.json from the original model to \(folder)"
      )
    }
    let writer = try CheckpointWriter(
      folder: folder, declarations: weights.map { ($0.name, dtype, $0.description.shape) })
    for (index, weight) in weights.enumerated() {
      try writer.write(weight.name, try read(weight, model, dtype: dtype))
      progress.report("converting \(file.path)", completed: index + 1, total: weights.count)
    }
    let base = URL(fileURLWithPath: folder)
    let configurationPath = base.appendingPathComponent("config.json").path
    try AtomicFile.remove(configurationPath)
    try writer.finish()
    for (name, content) in companions { try JSONFile.write(content, to: base.appendingPathComponent(name).path) }
    try JSONFile.write(configuration, to: configurationPath)
    return notes
  }

  private static func read(_ weight: GGUFLlamaModel.Weight, _ model: GGUFLlamaModel, dtype: DType) throws -> Tensor {
    let tensor = try model.file.tensor(named: weight.description.name)
    if weight.rotaryHeads == nil, dtype == .float32 { return tensor }
    var values = try tensor.floats()
    if let heads = weight.rotaryHeads { values = separatingRotaryHalves(values, heads: heads, shape: tensor.shape) }
    let rounded = Tensor(values, shape: tensor.shape, dtype: dtype)
    if dtype == .float16, values.contains(where: { $0.isFinite && $0.magnitude >= 65520 }) {
      throw CheckpointError(
        .unsupported, "\"\(weight.description.name)\" has values beyond the range of F16; convert to bfloat16 instead")
    }
    return rounded
  }

  /// Undoes the row order of Llama GGUFs: there the two rows that rotary embedding turns together are neighbours
  /// (2i, 2i + 1 within a head), here they lie half a head apart (i, i + headDimension / 2).
  static func separatingRotaryHalves(_ values: [Float], heads: Int, shape: Shape) -> [Float] {
    let headRows = shape[0] / heads
    let rowLength = values.count / shape[0]
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for head in 0..<heads {
      for half in 0..<2 {
        for index in 0..<(headRows / 2) {
          let row = head * headRows + 2 * index + half
          result.append(contentsOf: values[row * rowLength..<(row + 1) * rowLength])
        }
      }
    }
    return result
  }
}
