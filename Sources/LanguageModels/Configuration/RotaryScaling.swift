import Foundation
import JSONReader

/// How rotary frequencies are stretched for contexts beyond the trained one.
public enum RotaryScaling: Sendable, Equatable {
  /// Frequencies as trained.
  case none
  /// All frequencies divided by `factor`.
  case linear(factor: Double)
  /// A larger base for sequences beyond the trained length, growing with the sequence.
  case dynamic(factor: Double, originalPositions: Int)
  /// The Llama 3.1 rule: long wavelengths are divided by `factor`, short ones kept, a smooth passage between.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
  /// YaRN: slow pairs are divided by `factor`, fast ones kept, a ramp between them; cosines and sines times `attentionFactor`.
  case yarn(YarnScaling)
  /// LongRoPE: a factor for each pair, one list up to the trained length and another beyond it.
  case longRope(long: [Double], short: [Double], originalPositions: Int, attentionFactor: Double)

  /// Reads `rope_scaling` or `rope_parameters`; `type` and `rope_type` mean the same.
  ///
  /// - Parameters:
  ///   - maximumPositions: `max_position_embeddings` of the model.
  ///   - originalPositions: `original_max_position_embeddings` where the model states it outside of `json`.
  /// - Throws: `LanguageModelError` (`unsupported`) that names an unknown type, or `badConfiguration`.
  init(_ json: JSONValue?, maximumPositions: Int = 2048, originalPositions: Int? = nil) throws {
    guard let json, json.objectValue != nil else {
      self = .none
      return
    }
    let type = json["rope_type"]?.stringValue ?? json["type"]?.stringValue ?? "default"
    let fields = Fields(json: json, type: type)
    switch type {
    case "default":
      self = .none
    case "linear":
      self = .linear(factor: try fields.number("factor"))
    case "dynamic":
      self = .dynamic(factor: try fields.number("factor"), originalPositions: maximumPositions)
    case "llama3":
      self = .llama3(
        factor: try fields.number("factor"), lowFrequencyFactor: try fields.number("low_freq_factor"),
        highFrequencyFactor: try fields.number("high_freq_factor"),
        originalPositions: Int(try fields.number("original_max_position_embeddings")))
    case "yarn":
      self = .yarn(try YarnScaling(fields, maximumPositions: maximumPositions))
    case "longrope", "su":
      let original =
        try fields.optional("original_max_position_embeddings").map { Int($0) } ?? originalPositions
        ?? maximumPositions
      let factor = try fields.optional("factor") ?? Double(maximumPositions) / Double(original)
      let attention = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
      self = .longRope(
        long: try fields.numbers("long_factor"), short: try fields.numbers("short_factor"),
        originalPositions: original, attentionFactor: try fields.optional("attention_factor") ?? attention)
    default:
      throw LanguageModelError(
        .unsupported,
        "config.json: rotary scaling of type \"\(type)\" is not supported; "
          + "known: default, linear, dynamic, llama3, yarn, longrope")
    }
  }

  /// Numbers of one scaling entry.
  struct Fields {
    let json: JSONValue
    let type: String

    func number(_ key: String) throws -> Double {
      guard let value = try optional(key) else { throw needs("a positive number \"\(key)\"") }
      return value
    }

    func optional(_ key: String) throws -> Double? {
      guard let value = json[key] else { return nil }
      if case .null = value { return nil }
      guard let number = value.doubleValue, number.isFinite, number > 0, number <= Double(Int32.max) else {
        throw needs("a positive number \"\(key)\"")
      }
      return number
    }

    func numbers(_ key: String) throws -> [Double] {
      guard let list = json[key]?.arrayValue else { throw needs("a list of numbers \"\(key)\"") }
      return try list.map { item in
        guard let number = item.doubleValue, number.isFinite, number > 0 else {
          throw needs("positive numbers in \"\(key)\"")
        }
        return number
      }
    }

    private func needs(_ what: String) -> LanguageModelError {
      LanguageModelError(.badConfiguration, "config.json: rotary scaling of type \(type) needs \(what)")
    }
  }

  /// The inverse frequencies of `half` rotary pairs for base `theta`: `theta^(-i / half)`, scaled by this rule.
  ///
  /// `length` is the number of positions of the sequence, those of this pass included.
  func inverseFrequencies(half: Int, theta: Double, length: Int = 0) -> [Double] {
    func plain(_ theta: Double) -> [Double] { (0..<half).map { pow(theta, -Double($0) / Double(half)) } }
    switch self {
    case .none:
      return plain(theta)
    case .linear(let factor):
      return plain(theta).map { $0 / factor }
    case .dynamic(let factor, let original):
      let stretch = factor * Double(max(length, original)) / Double(original) - (factor - 1)
      return plain(half > 1 ? theta * pow(stretch, Double(2 * half) / Double(2 * half - 2)) : theta)
    case .llama3(let factor, let low, let high, let original):
      return plain(theta).map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(original) / high { return frequency }
        if wavelength > Double(original) / low { return frequency / factor }
        let smooth = (Double(original) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .yarn(let yarn):
      return yarn.scaled(plain(theta), theta: theta)
    case .longRope(let long, let short, _, _):
      let factors = regime(length: length) == 1 ? long : short
      return zip(plain(theta), factors).map { $0 / $1 }
    }
  }

  /// Factor of cosines and sines.
  var attentionFactor: Double {
    switch self {
    case .yarn(let yarn): yarn.attentionFactor
    case .longRope(_, _, _, let factor): factor
    default: 1
    }
  }

  /// Which of its sets of frequencies a sequence of this length uses; keys of different regimes do not go together.
  func regime(length: Int) -> Int {
    if case .longRope(_, _, let original, _) = self { length > original ? 1 : 0 } else { 0 }
  }
}
