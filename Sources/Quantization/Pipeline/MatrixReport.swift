public import JSONReader

/// What became of one matrix.
public struct MatrixReport: Sendable {
  /// Full module name.
  public let name: String
  /// `[outFeatures, inFeatures]`.
  public let shape: [Int]
  /// The recipe's name, for instance `v4-k256-16`.
  public let preset: String
  /// Bits of codes over weights.
  public let indexBits: Int
  /// Bits of codebooks.
  public let codebookBits: Int
  /// All bits stored for this matrix.
  public let storedBits: Int
  /// `tr(E H Eᵀ) / tr(W H Wᵀ)`.
  public let relativeError: Double
  /// The least relative error after each step of the recipe: nearest centroids, feedback, refit, least squares, descent.
  public let steps: [(name: String, relativeError: Double)]
  /// Wall-clock time.
  public let seconds: Double
  /// What the user should know.
  public let notices: [String]

  /// All stored bits over the weights.
  public var bitsPerWeight: Double { Double(storedBits) / Double(max(1, shape.reduce(1, *))) }

  init(
    name: String, shape: [Int], preset: String, indexBits: Int, codebookBits: Int, storedBits: Int,
    relativeError: Double, steps: [(name: String, relativeError: Double)], seconds: Double,
    notices: [String]
  ) {
    self.name = name
    self.shape = shape
    self.preset = preset
    self.indexBits = indexBits
    self.codebookBits = codebookBits
    self.storedBits = storedBits
    self.relativeError = relativeError
    self.steps = steps
    self.seconds = seconds
    self.notices = notices
  }

  /// The fields that `--json` and `quantization.json` give, and what a job folder keeps of a finished matrix.
  public var json: JSONValue {
    .object([
      ("name", .string(name)), ("shape", .array(shape.map(JSONValue.integer))), ("preset", .string(preset)),
      ("bits_per_weight", .number(bitsPerWeight)), ("relative_error", .number(relativeError)),
      ("seconds", .number(seconds)), ("index_bits", .integer(indexBits)), ("codebook_bits", .integer(codebookBits)),
      ("stored_bits", .integer(storedBits)),
      ("steps", .object(steps.map { ($0.name, .number($0.relativeError)) })),
      ("notices", .array(notices.map(JSONValue.string))),
    ])
  }

  init?(_ json: JSONValue) {
    guard let name = json["name"]?.stringValue, let shape = json["shape"]?.arrayValue?.compactMap(\.intValue),
      let preset = json["preset"]?.stringValue, let index = json["index_bits"]?.intValue,
      let codebook = json["codebook_bits"]?.intValue, let stored = json["stored_bits"]?.intValue,
      let error = json["relative_error"]?.doubleValue, let steps = json["steps"]?.objectValue,
      let seconds = json["seconds"]?.doubleValue,
      let notices = json["notices"]?.arrayValue?.compactMap(\.stringValue)
    else { return nil }
    self.init(
      name: name, shape: shape, preset: preset, indexBits: index, codebookBits: codebook, storedBits: stored,
      relativeError: error, steps: steps.compactMap { step in step.value.doubleValue.map { (step.key, $0) } },
      seconds: seconds, notices: notices)
  }
}
