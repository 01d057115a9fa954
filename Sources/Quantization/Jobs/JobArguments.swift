import JSONReader

/// What a planned job was asked for: enough to do any of its tasks in a process that knows nothing else.
public struct JobArguments: Sendable {
  /// The folder of the model to quantize.
  public var model: String
  /// The folder of the finished model.
  public var output: String
  /// How matrices are quantized; of a budget, all but the shape.
  public var recipe: QuantizationRecipe
  /// Recipes for the modules whose names match a pattern.
  public var overrides: [QuantizationPlan.Override] = []
  /// Patterns of modules that stay dense.
  public var skip: [String] = []
  /// Bits to spend by what errors cost; nil: the recipe has the shape.
  public var budget: BitBudget?
  /// Where second moments come from.
  public var moments = Moments.measured
  /// Windows of calibration text, and tokens in each; 0 where second moments are read.
  public var text: (windows: Int, length: Int)
  /// Whether the model is asked for the text.
  public var writesText = false
  /// The power of the squared gradients by which tokens count.
  public var guidance = ModelQuantizer.defaultGuidance
  /// Seed of everything random.
  public var seed: UInt64 = 0
  /// How the quantized model is tuned; nil: not at all.
  public var tuning: TuningOptions?
  /// Into how many tasks the work is cut.
  public var division = JobDivision()

  /// Where second moments come from.
  public enum Moments: Sendable, Equatable {
    /// Measured behind the original blocks.
    case measured
    /// The same, and kept in a folder.
    case saved(String)
    /// Measured behind the quantized blocks.
    case sequential
    /// Read from a folder.
    case read(String)
  }

  /// A job with its model, output, recipe and text; all else as it is by default.
  public init(model: String, output: String, recipe: QuantizationRecipe, text: (windows: Int, length: Int)) {
    (self.model, self.output, self.recipe, self.text) = (model, output, recipe, text)
  }
}

extension JobArguments {
  /// As `job.json` has it.
  var json: JSONValue {
    let moments: (String, String?) =
      switch self.moments {
      case .measured: ("measured", nil)
      case .saved(let folder): ("saved", folder)
      case .sequential: ("sequential", nil)
      case .read(let folder): ("read", folder)
      }
    return .object([
      ("model", .string(model)), ("output", .string(output)), ("recipe", recipe.json),
      (
        "overrides",
        .array(overrides.map { .object([("pattern", .string($0.pattern)), ("recipe", $0.recipe.json)]) })
      ),
      ("skip", .array(skip.map(JSONValue.string))),
      ("bits", budget.map { .number($0.bits) } ?? .null),
      ("prefer", budget.map { .string($0.preference.rawValue) } ?? .null),
      ("second_moments", .string(moments.0)), ("second_moment_folder", moments.1.map(JSONValue.string) ?? .null),
      ("windows", .integer(text.windows)), ("length", .integer(text.length)), ("writes_text", .bool(writesText)),
      ("guidance", .number(guidance)), ("seed", .string(String(seed))), ("shards", .integer(division.shards)),
      ("parts_per_block", .integer(division.partsPerBlock)), ("tuning", tuning?.json ?? .null),
    ])
  }

  init?(_ json: JSONValue) {
    guard let model = json["model"]?.stringValue, let output = json["output"]?.stringValue,
      let recipe = json["recipe"].flatMap(QuantizationRecipe.init), let windows = json["windows"]?.intValue,
      let length = json["length"]?.intValue, let writesText = json["writes_text"]?.boolValue,
      let guidance = json["guidance"]?.doubleValue, let seed = json["seed"]?.stringValue.flatMap(UInt64.init),
      let shards = json["shards"]?.intValue, let parts = json["parts_per_block"]?.intValue,
      let overrides = json["overrides"]?.arrayValue, let skip = json["skip"]?.arrayValue,
      let kind = json["second_moments"]?.stringValue
    else { return nil }
    self.init(model: model, output: output, recipe: recipe, text: (windows, length))
    self.overrides = overrides.compactMap { entry in
      guard let pattern = entry["pattern"]?.stringValue, let recipe = entry["recipe"].flatMap(QuantizationRecipe.init)
      else { return nil }
      return QuantizationPlan.Override(pattern: pattern, recipe: recipe)
    }
    self.skip = skip.compactMap(\.stringValue)
    if let bits = json["bits"]?.doubleValue {
      let preference = json["prefer"]?.stringValue.flatMap(AllocationPreference.init) ?? .accuracy
      budget = BitBudget(bits: bits, preference: preference)
    }
    let folder = json["second_moment_folder"]?.stringValue
    switch (kind, folder) {
    case ("measured", _): moments = .measured
    case ("sequential", _): moments = .sequential
    case ("saved", let folder?): moments = .saved(folder)
    case ("read", let folder?): moments = .read(folder)
    default: return nil
    }
    tuning = json["tuning"].flatMap(TuningOptions.init)
    (self.writesText, self.guidance, self.seed) = (writesText, guidance, seed)
    division = JobDivision(shards: shards, partsPerBlock: parts)
  }
}
