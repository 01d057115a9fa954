import Foundation
import JSONReader

/// How rotary frequencies are stretched for contexts beyond the trained one.
public enum RotaryScaling: Sendable, Equatable {
  /// Frequencies as trained.
  case none
  /// All frequencies divided by `factor`.
  case linear(factor: Double)
  /// The Llama 3.1 rule: long wavelengths are divided by `factor`, short ones kept, a smooth passage between.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)

  /// Reads `rope_scaling` or `rope_parameters`; `type` and `rope_type` mean the same.
  ///
  /// - Throws: `LanguageModelError` (`unsupported`) that names an unknown type, or `badConfiguration`.
  init(_ json: JSONValue?) throws {
    guard let json, json.objectValue != nil else {
      self = .none
      return
    }
    let type = json["rope_type"]?.stringValue ?? json["type"]?.stringValue ?? "default"
    func number(_ key: String) throws -> Double {
      guard let value = json[key]?.doubleValue, value.isFinite, value > 0 else {
        throw LanguageModelError(
          .badConfiguration, "config.json: rotary scaling of type \(type) needs a positive number \"\(key)\"")
      }
      return value
    }
    switch type {
    case "default":
      self = .none
    case "linear":
      self = .linear(factor: try number("factor"))
    case "llama3":
      self = .llama3(
        factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
        highFrequencyFactor: try number("high_freq_factor"),
        originalPositions: Int(try number("original_max_position_embeddings")))
    default:
      throw LanguageModelError(
        .unsupported, "config.json: rotary scaling of type \"\(type)\" is not supported; known: default, linear, llama3"
      )
    }
  }

  /// The inverse frequencies of `half` rotary pairs for base `theta`: `theta^(-i / half)`, scaled by this rule.
  func inverseFrequencies(half: Int, theta: Double) -> [Double] {
    let plain = (0..<half).map { pow(theta, -Double($0) / Double(half)) }
    switch self {
    case .none:
      return plain
    case .linear(let factor):
      return plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let original):
      return plain.map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(original) / high { return frequency }
        if wavelength > Double(original) / low { return frequency / factor }
        let smooth = (Double(original) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }
}
