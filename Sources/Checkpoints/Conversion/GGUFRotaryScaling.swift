import Foundation
import JSONReader
import Tensors

/// The stretching of rotary frequencies as `rope_scaling` in `config.json` spells it.
struct GGUFRotaryScaling {
  static let longFactors = "rope_factors_long.weight"
  static let shortFactors = "rope_factors_short.weight"

  /// The object `rope_scaling`, or null.
  let scaling: JSONValue
  /// The context before the stretching, where the file states it.
  let originalContext: Int?

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    let file = parameters.file
    originalContext = try parameters.size("rope.scaling.original_context_length")
    let type = parameters["rope.scaling.type"]?.stringValue
    let factor = try parameters.positiveNumber("rope.scaling.factor") ?? parameters.positiveNumber("rope.scale_linear")
    let attention =
      try parameters.positiveNumber("rope.scaling.yarn_attn_factor")
      ?? parameters.positiveNumber("rope.scaling.attn_factor")
    if file.contains(GGUFRotaryFactors.tensorName) {
      let rotary = dimensions.rotaryDimension
      scaling = try GGUFRotaryFactors(file, headDimension: rotary, theta: dimensions.rotaryTheta).scaling
      return
    }
    if file.contains(Self.longFactors) || type == "longrope" {
      scaling = try Self.longRope(file, dimensions, attention, originalContext)
      return
    }
    switch type ?? (factor ?? 1 == 1 ? "none" : "linear") {
    case "none": scaling = .null
    case "linear": scaling = ["rope_type": "linear", "type": "linear", "factor": .number(factor ?? 1)]
    case "yarn":
      guard let factor else { throw parameters.missing("rope.scaling.factor") }
      scaling = try Self.yarn(parameters, factor, attention, originalContext ?? dimensions.contextLength)
    case let other:
      throw CheckpointError(.unsupported, "\(file.path): rope scaling \"\(other)\" is not converted")
    }
  }

  /// YaRN (arXiv:2309.00071); the multiplier of the logarithm is a tenth of DeepSeek's `mscale_all_dim`.
  private static func yarn(
    _ parameters: GGUFHyperparameters, _ factor: Double, _ attention: Double?, _ originalContext: Int
  ) throws -> JSONValue {
    var members: [(key: String, value: JSONValue)] = [
      ("rope_type", "yarn"), ("type", "yarn"), ("factor", .number(factor)),
      ("original_max_position_embeddings", .integer(originalContext)),
    ]
    if let attention { members.append(("attention_factor", .number(attention))) }
    if let fast = try parameters.positiveNumber("rope.scaling.yarn_beta_fast") {
      members.append(("beta_fast", .number(fast)))
    }
    if let slow = try parameters.positiveNumber("rope.scaling.yarn_beta_slow") {
      members.append(("beta_slow", .number(slow)))
    }
    if let multiplier = try parameters.positiveNumber("rope.scaling.yarn_log_multiplier") {
      // Rounded to 32 bits as it was stored, so that 0.0707 gives 0.707.
      let scale = Double(Float(multiplier * 10).description) ?? multiplier * 10
      members += [("mscale", .number(scale)), ("mscale_all_dim", .number(scale))]
    }
    return .object(members)
  }

  /// LongRoPE (arXiv:2402.13753): a factor for each frequency, within and beyond the original context.
  private static func longRope(
    _ file: GGUFFile, _ dimensions: GGUFDimensions, _ attention: Double?, _ originalContext: Int?
  ) throws -> JSONValue {
    func factors(_ name: String) throws -> JSONValue {
      let values = try file.tensor(named: name).floats()
      guard values.count == dimensions.rotaryDimension / 2, values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw CheckpointError(
          .malformedFile, "\(file.path): \"\(name)\" does not hold a factor for each rotary frequency")
      }
      return .array(values.map { .number(Double($0.description) ?? Double($0)) })
    }
    var members: [(key: String, value: JSONValue)] = [
      ("type", "longrope"), ("long_factor", try factors(longFactors)), ("short_factor", try factors(shortFactors)),
    ]
    if let attention, !isDefault(attention, dimensions.contextLength, originalContext) {
      members.append(("attention_factor", .number(attention)))
    }
    return .object(members)
  }

  /// Whether the factor is √(1 + ln(context / original) / ln(original)), which readers compute themselves.
  private static func isDefault(_ attention: Double, _ context: Int, _ original: Int?) -> Bool {
    guard let original, original > 1 else { return false }
    let ratio = Double(context) / Double(original)
    let expected = ratio <= 1 ? 1 : (1 + log(ratio) / log(Double(original))).squareRoot()
    return abs(attention - expected) <= 1e-5 * expected
  }
}
