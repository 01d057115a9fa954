public import Checkpoints
import JSONReader
import Tensors
import VectorQuantization

/// Picks the architecture of a model folder by the class that its `config.json` names.
public enum ModelRegistry {
  /// The classes this build can run.
  public static let architectures = ["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"]

  /// Opens the model in `folder`, dense or vector-quantized; weights are mapped, not read.
  ///
  /// - Parameter isExact: whether vector-quantized products use centroids and activations in float32 throughout, even
  ///   where int8 centroids and 16-bit activations are faster.
  /// - Throws: `LanguageModelError` that names an unknown architecture before any weight is opened, or the tensor or
  ///   key at fault.
  public static func load(_ folder: ModelDirectory, isExact: Bool = false) throws -> any CausalLanguageModel {
    let configuration = try configuration(of: folder)
    return try LlamaModel(
      configuration, source: folder, settings: QuantizationSettings(folder.configuration), isExact: isExact)
  }

  /// What a user should know about the model in `folder`: settings that are ignored, a stored head that is not used.
  public static func notices(_ folder: ModelDirectory) throws -> [String] {
    var notices = (try QuantizationSettings(folder.configuration)?.notes ?? []).map { "config.json: \($0)" }
    if try configuration(of: folder).tiedEmbeddings, folder.contains("lm_head.weight") {
      let (head, embedding) = (
        try folder.tensor(named: "lm_head.weight"), try folder.tensor(named: "model.embed_tokens.weight")
      )
      let isCopy =
        head.dtype == embedding.dtype
        && head.withUnsafeBytes { a in
          embedding.withUnsafeBytes { b in a.elementsEqual(b) }
        }
      if !isCopy {
        notices.append("lm_head.weight is stored but not used: config.json ties the head to the embedding")
      }
    }
    return notices
  }

  /// The checked configuration of the model in `folder`.
  package static func configuration(of folder: ModelDirectory) throws -> ModelConfiguration {
    let configuration = try ModelConfiguration(folder)
    guard architectures.contains(configuration.architecture) else {
      throw LanguageModelError(
        .unsupported,
        "architecture \(configuration.architecture) is not supported; known: \(architectures.joined(separator: ", "))")
    }
    if configuration.architecture == "MistralForCausalLM", folder.configuration["sliding_window"]?.intValue != nil {
      throw LanguageModelError(.unsupported, "config.json: attention with a sliding window is not supported yet")
    }
    return configuration
  }
}
