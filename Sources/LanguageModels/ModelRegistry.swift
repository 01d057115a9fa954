public import Checkpoints
import JSONReader
import Tensors
import VectorQuantization

/// Picks the architecture of a model folder by the class that its `config.json` names.
public enum ModelRegistry {
  /// The families this build knows.
  private static let families: [any Architecture.Type] = [
    Llama.self, Mistral.self, Mixtral.self, Qwen2.self, Qwen3.self, Qwen2Experts.self, Qwen3Experts.self, Phi3.self,
    Gemma.self, Gemma2.self, Gemma3.self, DeepSeek.self,
  ]

  /// The classes this build can run.
  public static let architectures = families.flatMap { $0.classes }

  /// The family a class belongs to.
  static func family(of name: String) -> (any Architecture.Type)? {
    families.first { $0.classes.contains(name) }
  }

  /// Opens the model in `folder`, dense or vector-quantized; weights are mapped, not read.
  ///
  /// - Parameter options: the forms in which weights are held at run time.
  /// - Throws: `LanguageModelError` that names an unknown architecture before any weight is opened, or the tensor or
  ///   key at fault.
  public static func load(
    _ folder: ModelDirectory, options: RuntimeOptions = RuntimeOptions()
  ) throws -> any CausalLanguageModel {
    let configuration = try ModelConfiguration(folder)
    return try DecoderModel(
      configuration, source: folder, settings: QuantizationSettings(folder.configuration), options: options)
  }

  /// What a user should know about the model in `folder`: settings that are ignored, a stored head that is not used.
  public static func notices(_ folder: ModelDirectory) throws -> [String] {
    var notices = (try QuantizationSettings(folder.configuration)?.notes ?? []).map { "config.json: \($0)" }
    let configuration = try ModelConfiguration(folder)
    let head = configuration.headModule + ".weight"
    if configuration.tiedEmbeddings, folder.contains(head) {
      let (head, embedding) = (
        try folder.tensor(named: head), try folder.tensor(named: configuration.embeddingName)
      )
      let isCopy =
        head.dtype == embedding.dtype
        && head.withUnsafeBytes { a in
          embedding.withUnsafeBytes { b in a.elementsEqual(b) }
        }
      if !isCopy {
        notices.append(
          "\(configuration.headModule).weight is stored but not used: config.json ties the head to the embedding")
      }
    }
    return notices
  }
}
