import Foundation
import JSONReader
import Tensors

/// The tensor `rope_freqs.weight`, by which GGUF files of Llama 3.1 and later divide the rotary frequencies.
///
/// The file keeps only the factors; they are converted if they are those of the `llama3` scaling with the constants
/// that Meta publishes (low and high frequency factors 1 and 4, original context 8192) and any factor.
struct GGUFRotaryFactors {
  static let tensorName = "rope_freqs.weight"
  private static let lowFrequencyFactor = 1.0
  private static let highFrequencyFactor = 4.0
  private static let originalContext = 8192.0

  /// The object `rope_scaling` of `config.json`.
  let scaling: JSONValue

  init(_ file: GGUFFile, headDimension: Int, theta: Double) throws {
    let values = try file.tensor(named: Self.tensorName).floats()
    let factor = Double(values.max() ?? 1).rounded()
    let expected = (0..<headDimension / 2).map { index in
      Self.divisor(wavelength: 2 * .pi * pow(theta, 2 * Double(index) / Double(headDimension)), factor: factor)
    }
    let agrees =
      values.count == expected.count
      && zip(values, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * $1 }
    guard agrees else {
      throw CheckpointError(
        .unsupported, "\(file.path): \"\(Self.tensorName)\" does not follow the llama3 scaling; it is not converted")
    }
    scaling = [
      "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": .number(Self.lowFrequencyFactor),
      "high_freq_factor": .number(Self.highFrequencyFactor),
      "original_max_position_embeddings": .integer(Int(Self.originalContext)),
    ]
  }

  /// 1 for short waves, `factor` for long ones, and in between the inverse of the interpolated inverse.
  private static func divisor(wavelength: Double, factor: Double) -> Double {
    if wavelength < originalContext / highFrequencyFactor { return 1 }
    if wavelength > originalContext / lowFrequencyFactor { return factor }
    let smooth =
      (originalContext / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return 1 / ((1 - smooth) / factor + smooth)
  }
}
