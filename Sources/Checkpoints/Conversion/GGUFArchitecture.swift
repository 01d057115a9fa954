import JSONReader
import Tensors

/// What an architecture of GGUF is called on the Hugging Face hub: its tensors, and its part of `config.json`.
protocol GGUFArchitecture: SendableMetatype {
  /// Reads what the architecture states besides the common sizes.
  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws

  /// The entry of `architectures`.
  var className: String { get }
  /// The value of `model_type`.
  var modelType: String { get }
  /// Sentences about what the file leaves open, for the user.
  var notes: [String] { get }

  /// Adds the weights of one layer, in the order of the computation.
  func addLayer(_ layer: GGUFLayerPlan) throws

  /// What happens to the weight of the last norm.
  var normChange: GGUFWeight.Change { get }

  /// The members of `config.json` beyond those that all have.
  func configuration() throws -> [(key: String, value: JSONValue)]
}

extension GGUFArchitecture {
  var notes: [String] { [] }
  var normChange: GGUFWeight.Change { .none }
}

/// The architectures that are converted, by the value of `general.architecture`.
enum GGUFArchitectures {
  static let all: [String: any GGUFArchitecture.Type] = [
    "llama": GGUFLlama.self,
    "qwen2": GGUFQwen2.self,
    "qwen2moe": GGUFQwen2.self,
    "qwen3": GGUFQwen3.self,
    "qwen3moe": GGUFQwen3.self,
    "phi3": GGUFPhi3.self,
    "gemma": GGUFGemma.self,
    "gemma2": GGUFGemma2.self,
    "gemma3": GGUFGemma3.self,
    "deepseek2": GGUFDeepseek2.self,
  ]
}
