public import Checkpoints
public import Generation
import JSONReader
public import LanguageModels
public import Tokenizers

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
  /// How much of the weights stays in memory; nil where all do.
  public let residency: WeightResidency?

  /// Loads a model folder.
  ///
  /// - Throws: what reading the folder throws.
  public init(
    name: String, folder: ModelDirectory, limits: EngineLimits, options: RuntimeOptions = RuntimeOptions()
  ) throws {
    self.name = name
    tokenizer = try Tokenizer(folder: folder.path)
    let model = try ModelRegistry.load(folder, options: options)
    residency = model.residency
    engine = GenerationEngine(model: model, tokenizer: tokenizer, limits: limits)
    details = try ModelDetails(
      folder, model.configuration, contextLength: engine.contextLength, hasChatTemplate: tokenizer.hasChatTemplate)
  }

  /// A model that is already in memory.
  public init(name: String, engine: GenerationEngine, tokenizer: Tokenizer, details: ModelDetails) {
    self.name = name
    residency = nil
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
    let inventory = try ModelInventory(folder, configuration: configuration)
    bitsPerWeight = inventory.bitsPerWeight
    parameters = inventory.parameters
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
