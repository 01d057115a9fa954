import Foundation
import JSONReader

/// The numbers of YaRN (Peng et al. 2023, section 3).
public struct YarnScaling: Sendable, Equatable {
  /// How much longer the context became.
  public let factor: Double
  /// Pairs that turn more often than this within the original context keep their frequency.
  public let fastTurns: Double
  /// Pairs that turn less often than this within the original context are divided by `factor`.
  public let slowTurns: Double
  /// The trained context.
  public let originalPositions: Int
  /// Factor of cosines and sines.
  public let attentionFactor: Double
  /// Whether the ends of the ramp are rounded outward to whole pairs.
  public let isTruncated: Bool
  /// Exponent-like factor of the scores' scale in models that ask for it (DeepSeek).
  let scaleOfAllDimensions: Double?

  init(_ fields: RotaryScaling.Fields, maximumPositions: Int) throws {
    let original = try fields.optional("original_max_position_embeddings").map { Int($0) }
    originalPositions = original ?? maximumPositions
    factor = try fields.optional("factor") ?? Double(maximumPositions) / Double(originalPositions)
    fastTurns = try fields.optional("beta_fast") ?? 32
    slowTurns = try fields.optional("beta_slow") ?? 1
    isTruncated = fields.json["truncate"]?.boolValue ?? true
    // Zero stands for absence here, as in the reference libraries.
    func scale(_ key: String) -> Double? {
      guard let value = fields.json[key]?.doubleValue, value.isFinite, value != 0 else { return nil }
      return value
    }
    let (scale, all) = (scale("mscale"), scale("mscale_all_dim"))
    scaleOfAllDimensions = all
    if let stated = try fields.optional("attention_factor") {
      attentionFactor = stated
    } else if let scale, let all {
      attentionFactor = Self.magnitude(factor, scale) / Self.magnitude(factor, all)
    } else {
      attentionFactor = Self.magnitude(factor, 1)
    }
  }

  /// `0.1 · scale · ln(factor) + 1`, or 1 where nothing is stretched.
  private static func magnitude(_ factor: Double, _ scale: Double) -> Double {
    factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
  }

  /// What the scores' scale is multiplied by: the square of the magnitude for `mscale_all_dim`.
  var scoreFactor: Double {
    guard let scaleOfAllDimensions else { return 1 }
    let magnitude = Self.magnitude(factor, scaleOfAllDimensions)
    return magnitude * magnitude
  }

  /// Frequencies between kept and divided, by a ramp over the pairs.
  func scaled(_ frequencies: [Double], theta: Double) -> [Double] {
    let dimension = Double(2 * frequencies.count)
    func pair(turns: Double) -> Double {
      dimension * log(Double(originalPositions) / (turns * 2 * .pi)) / (2 * log(theta))
    }
    var (low, high) = (pair(turns: fastTurns), pair(turns: slowTurns))
    if isTruncated { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, dimension - 1))
    if low == high { high += 0.001 }
    return frequencies.enumerated().map { index, frequency in
      let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
      return frequency / factor * ramp + frequency * (1 - ramp)
    }
  }
}
