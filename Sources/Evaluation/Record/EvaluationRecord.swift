public import JSONReader

/// What was measured of one model: the document that `vptq evaluate --json` prints and `--save FILE.json` keeps.
///
/// Every part is absent where it was not measured. Names in the document are snake case; readers pass over names they do not know.
public struct EvaluationRecord: Sendable, Equatable {
  /// What the user called the model: a path or `org/name`.
  public var model: String
  /// The last part of `model`, for labels.
  public var name: String { String(model.split(separator: "/").last ?? Substring(model)) }
  /// The family, for instance `LlamaForCausalLM`.
  public var architecture: String?
  /// Weights of matrices, vectors, embedding and head.
  public var parameters: Int?
  /// All stored bits of the quantized matrices (of all matrices of a dense model) over their weights.
  public var bitsPerWeight: Double?
  /// Bytes of the model's weight files.
  public var fileBytes: Int?
  /// Perplexity on a text.
  public var perplexity: PerplexityRecord?
  /// Divergence from a reference model on the same text.
  public var divergence: DivergenceRecord?
  /// Tasks by their names, in the order they were measured.
  public var tasks: [TaskRecord] = []

  /// A record of a model of which nothing was measured yet.
  public init(model: String) { self.model = model }
}

extension EvaluationRecord {
  /// The document.
  public var json: JSONValue {
    var fields = RecordFields()
    fields.add("model", model)
    fields.add("name", name)
    fields.add("architecture", architecture)
    fields.add("parameters", parameters)
    fields.add("bits_per_weight", bitsPerWeight)
    fields.add("file_bytes", fileBytes)
    fields.add("perplexity", perplexity?.json)
    fields.add("kl", divergence?.json)
    if !tasks.isEmpty { fields.add("tasks", .object(tasks.map { ($0.name, $0.json) })) }
    return fields.object
  }

  /// Reads a document.
  ///
  /// - Throws: `EvaluationError` (`badRecord`) naming the field that is missing or of another kind.
  public init(_ json: JSONValue) throws {
    let reader = RecordReader(json, path: "")
    self.init(model: try reader.text("model"))
    architecture = json["architecture"]?.stringValue
    parameters = json["parameters"]?.intValue
    bitsPerWeight = json["bits_per_weight"]?.doubleValue
    fileBytes = json["file_bytes"]?.intValue
    perplexity = try reader.part("perplexity").map(PerplexityRecord.init)
    divergence = try reader.part("kl").map(DivergenceRecord.init)
    if let tasks = try reader.part("tasks") {
      self.tasks = try tasks.members.map { try TaskRecord(name: $0.key, $0.value) }
    }
  }
}
