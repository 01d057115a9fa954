public import Checkpoints
public import Generation
import JSONReader
import LanguageModels
import Tensors
public import Tokenizers
import VectorQuantization

/// A model at work: engine, tokenizer, and what is told about it.
public final class ServedModel: Sendable {
  /// The name that requests give.
  public let name: String
  /// Makes the replies.
  public let engine: GenerationEngine
  /// Turns text into ids and back.
  public let tokenizer: Tokenizer
  /// What `/v1/models` tells beside the name.
  public let details: ModelDetails

  /// Loads a model folder.
  ///
  /// - Throws: what reading the folder throws.
  public init(name: String, folder: ModelDirectory, limits: EngineLimits) throws {
    self.name = name
    tokenizer = try Tokenizer(folder: folder.path)
    let model = try ModelRegistry.load(folder)
    engine = GenerationEngine(model: model, tokenizer: tokenizer, limits: limits)
    details = try ModelDetails(
      folder, model.configuration, contextLength: engine.contextLength, hasChatTemplate: tokenizer.hasChatTemplate)
  }

  /// A model that is already in memory.
  public init(name: String, engine: GenerationEngine, tokenizer: Tokenizer, details: ModelDetails) {
    self.name = name
    self.engine = engine
    self.tokenizer = tokenizer
    self.details = details
  }
}

/// What a model is, in numbers.
public struct ModelDetails: Sendable {
  var architecture: String?
  var bitsPerWeight: Double?
  var fileBytes: Int?
  var parameters: Int?
  var contextLength: Int?
  var hasChatTemplate: Bool?

  /// Nothing known.
  public init() {}

  init(
    _ folder: ModelDirectory, _ configuration: ModelConfiguration, contextLength: Int, hasChatTemplate: Bool
  ) throws {
    architecture = configuration.architecture
    fileBytes = folder.fileBytes
    self.contextLength = contextLength
    self.hasChatTemplate = hasChatTemplate
    var (weights, bits, others) = (0, 0, 0)
    var counted: Set<String> = []
    let settings = try QuantizationSettings(folder.configuration)
    for block in 0..<configuration.layerCount {
      for linear in configuration.linears(ofBlock: block) {
        let module = "\(configuration.blockModule(block)).\(linear.name)"
        weights += linear.shape.elementCount
        if let own = settings?.settings(forModule: module), folder.contains(module + ".centroids.weight") {
          let layer = try VectorQuantizedLinear(
            reading: folder, module: module, settings: own, outFeatures: linear.shape[0], inFeatures: linear.shape[1])
          bits += layer.storedBits.total
        } else if let tensor = try? folder.tensor(named: module + ".weight") {
          bits += tensor.shape.elementCount * tensor.dtype.byteCount * 8
        }
        counted.insert(module)
      }
    }
    for name in folder.tensorNames {
      let parts = name.split(separator: ".")
      let isCounted = [1, 2].contains { counted.contains(parts.dropLast($0).joined(separator: ".")) }
      if !isCounted { others += try folder.tensor(named: name).shape.elementCount }
    }
    bitsPerWeight = weights > 0 ? Double(bits) / Double(weights) : nil
    parameters = weights + others
  }

  func json(isLoaded: Bool) -> JSONValue {
    func integer(_ value: Int?) -> JSONValue { value.map(JSONValue.integer) ?? .null }
    return .object([
      ("architecture", architecture.map(JSONValue.string) ?? .null),
      ("bits_per_weight", bitsPerWeight.map(JSONValue.number) ?? .null), ("file_bytes", integer(fileBytes)),
      ("parameters", integer(parameters)), ("context_length", integer(contextLength)),
      ("loaded", .bool(isLoaded)), ("has_chat_template", hasChatTemplate.map(JSONValue.bool) ?? .null),
    ])
  }
}
