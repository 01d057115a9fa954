import Foundation
import JSONReader

/// One rotary position embedding: base, width and stretching.
public struct RotaryConfiguration: Sendable, Equatable {
  /// Base of the frequencies.
  public let theta: Double
  /// Leading entries of a head that are turned, an even number.
  public let dimension: Int
  /// Stretching of the frequencies.
  public let scaling: RotaryScaling

  init(theta: Double, dimension: Int, scaling: RotaryScaling) throws {
    guard dimension > 0, dimension % 2 == 0 else {
      throw LanguageModelError(
        .badConfiguration,
        "config.json: the rotary embedding would turn \(dimension) entries of a head; it must be even")
    }
    self.theta = theta
    self.dimension = dimension
    self.scaling = scaling
  }

  /// Reads either generation of the file: `rope_parameters`, or `rope_theta` with `rope_scaling`.
  ///
  /// - Parameters:
  ///   - layerType: the entry of `rope_parameters` where it has one per kind of layer.
  ///   - headDimension: turned as a whole unless `partial_rotary_factor` says less.
  ///   - defaultTheta: the base where the file has none.
  /// - Throws: `LanguageModelError`: `unsupported` names an unknown type, `badConfiguration` a key.
  init(
    _ reader: ConfigurationReader, layerType: String? = nil, headDimension: Int, defaultTheta: Double = 10000
  ) throws {
    var parameters = reader["rope_parameters"]
    if let layerType, let own = parameters?[layerType], own.objectValue != nil { parameters = own }
    let isNew = parameters?.objectValue != nil
    func number(_ key: String) throws -> Double? {
      let value = parameters?[key]?.doubleValue ?? reader[key]?.doubleValue
      guard let value else { return nil }
      guard value.isFinite, value > 0 else {
        throw LanguageModelError(.badConfiguration, "config.json: \"\(key)\" must be a positive number")
      }
      return value
    }
    let share = try number("partial_rotary_factor") ?? 1
    guard share <= 1 else {
      throw LanguageModelError(.badConfiguration, "config.json: \"partial_rotary_factor\" must be at most 1")
    }
    try self.init(
      theta: try number("rope_theta") ?? defaultTheta,
      dimension: Int(Double(headDimension) * share),
      scaling: RotaryScaling(
        isNew ? parameters : reader["rope_scaling"],
        maximumPositions: try reader.optionalCount("max_position_embeddings") ?? 2048,
        originalPositions: try reader.optionalCount("original_max_position_embeddings")))
    if case .longRope(let long, let short, _, _) = scaling {
      guard long.count == dimension / 2, short.count == dimension / 2 else {
        throw LanguageModelError(
          .badConfiguration,
          "config.json: longrope has \(short.count) short and \(long.count) long factors; \(dimension / 2) are needed")
      }
    }
  }
}
