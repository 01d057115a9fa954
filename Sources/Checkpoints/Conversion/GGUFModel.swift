import JSONReader
import Tensors

/// A GGUF file seen as a model of the Hugging Face hub: everything is checked before a weight is read.
struct GGUFModel {
  let file: GGUFFile
  let weights: [GGUFWeight]
  /// What the file leaves open, one sentence each.
  let notes: [String]
  private let architecture: any GGUFArchitecture
  private let dimensions: GGUFDimensions
  private let tiesEmbeddings: Bool
  private let members: [(key: String, value: JSONValue)]

  /// - Throws: `CheckpointError`: `unsupported` names the architecture, tensor or option that is not converted;
  ///   `malformedFile` or `missingTensor` what contradicts the architecture.
  init(_ file: GGUFFile) throws {
    let parameters = try GGUFHyperparameters(file)
    guard let type = GGUFArchitectures.all[parameters.architecture] else {
      let known = GGUFArchitectures.all.keys.sorted().joined(separator: ", ")
      throw CheckpointError(
        .unsupported,
        "\(file.path) has the architecture \"\(parameters.architecture)\", which is not converted (only \(known))")
    }
    self.file = file
    dimensions = try GGUFDimensions(parameters)
    architecture = try type.init(parameters, dimensions)
    tiesEmbeddings = !file.contains("output.weight")
    weights = try Self.weights(file, architecture, dimensions, parameters.architecture)
    members = try architecture.configuration()
    try GGUFOptions.refuseUnknown(parameters)
    notes =
      architecture.notes
      + parameters.unused.map { "\(parameters.architecture).\($0) is not carried into config.json" }
  }

  private static func weights(
    _ file: GGUFFile, _ architecture: any GGUFArchitecture, _ dimensions: GGUFDimensions, _ name: String
  ) throws -> [GGUFWeight] {
    let embedding: Shape = [dimensions.vocabularySize, dimensions.hiddenSize]
    let plan = GGUFWeightPlan(file)
    try plan.add("token_embd.weight", "model.embed_tokens.weight", embedding)
    for index in 0..<dimensions.layerCount { try architecture.addLayer(plan.layer(index)) }
    try plan.add("output_norm.weight", "model.norm.weight", [dimensions.hiddenSize], architecture.normChange)
    if file.contains("output.weight") { try plan.add("output.weight", "lm_head.weight", embedding) }
    // These go into config.json.
    plan.ignore(GGUFRotaryFactors.tensorName, GGUFRotaryScaling.longFactors, GGUFRotaryScaling.shortFactors)
    try plan.refuseStrangers(name)
    return plan.weights
  }

  /// The content of `config.json`, its keys sorted.
  func configuration(dtype: DType, vocabulary: GGUFTokenizerFiles) -> JSONValue {
    func identifier(_ role: String) -> JSONValue { vocabulary.identifier(role).map(JSONValue.integer) ?? .null }
    var all: [(key: String, value: JSONValue)] = [
      ("architectures", [.string(architecture.className)]),
      ("bos_token_id", identifier("bos")),
      ("eos_token_id", identifier("eos")),
      ("hidden_size", .integer(dimensions.hiddenSize)),
      ("intermediate_size", .integer(dimensions.feedForwardSize)),
      ("max_position_embeddings", .integer(dimensions.contextLength)),
      ("model_type", .string(architecture.modelType)),
      ("num_attention_heads", .integer(dimensions.headCount)),
      ("num_hidden_layers", .integer(dimensions.layerCount)),
      ("num_key_value_heads", .integer(dimensions.keyValueHeadCount)),
      ("pad_token_id", identifier("padding")),
      ("rms_norm_eps", .number(dimensions.normEpsilon)),
      ("rope_theta", .number(dimensions.rotaryTheta)),
      ("tie_word_embeddings", .bool(tiesEmbeddings)),
      ("torch_dtype", .string(dtype.configurationName ?? "float32")),
      ("vocab_size", .integer(dimensions.vocabularySize)),
    ]
    all.removeAll { common in members.contains { $0.key == common.key } }
    return .object((all + members).sorted { $0.key < $1.key })
  }
}
