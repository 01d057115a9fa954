import Foundation
import JSONReader
import Tensors

/// The tensor `rope_freqs.weight`, by which GGUF files of Llama 3.1 and later divide the rotary frequencies.
///
/// The file keeps only the factors, from which the constants of the `llama3` scaling are found again: those that Meta
/// publishes (low and high frequency factors 1 and 4, original context 8192), or the ones that fit. Of constants that
/// mean the same, those whose low frequency factor is 1 are taken.
struct GGUFRotaryFactors {
  static let tensorName = "rope_freqs.weight"

  /// The object `rope_scaling` of `config.json`.
  let scaling: JSONValue

  init(_ file: GGUFFile, headDimension: Int, theta: Double) throws {
    let values = try file.tensor(named: Self.tensorName).floats().map(Double.init)
    let wavelengths = (0..<headDimension / 2).map { index in
      2 * .pi * pow(theta, 2 * Double(index) / Double(headDimension))
    }
    let factor = (values.max() ?? 1).rounded(toDecimals: 3)
    let candidates = [
      Constants(factor: factor, highFrequencyFactor: 4, originalContext: 8192),
      Constants(fitting: values, wavelengths, factor: factor),
    ]
    let fitting = candidates.compactMap { $0 }.first { constants in
      values.count == wavelengths.count
        && zip(values, wavelengths).allSatisfy { abs($0 - constants.divisor($1)) <= 1e-5 * constants.divisor($1) }
    }
    guard let fitting else {
      throw CheckpointError(
        .unsupported, "\(file.path): \"\(Self.tensorName)\" does not follow the llama3 scaling; it is not converted")
    }
    scaling = [
      "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": 1.0,
      "high_freq_factor": .number(fitting.highFrequencyFactor),
      "original_max_position_embeddings": .integer(fitting.originalContext),
    ]
  }

  /// The constants of the scaling, the low frequency factor being 1.
  private struct Constants {
    let factor: Double
    let highFrequencyFactor: Double
    let originalContext: Int

    init(factor: Double, highFrequencyFactor: Double, originalContext: Int) {
      self.factor = factor
      self.highFrequencyFactor = highFrequencyFactor
      self.originalContext = originalContext
    }

    /// The constants of the line (context / wavelength − 1) / (high − 1) through two of the interpolated factors.
    init?(fitting values: [Double], _ wavelengths: [Double], factor: Double) {
      var points: [(x: Double, y: Double)] = []
      for (value, wavelength) in zip(values, wavelengths) where value > 1.00001 && value < factor * 0.99999 {
        points.append((x: 1 / wavelength, y: (1 / value - 1 / factor) / (1 - 1 / factor)))
      }
      guard let first = points.first, let last = points.last, first.x > last.x else { return nil }
      let slope = (first.y - last.y) / (first.x - last.x)
      let high = (1 - 1 / (first.y - slope * first.x)).rounded(toDecimals: 3)
      guard high > 1, let context = Int(exactly: (slope * (high - 1)).rounded()), context > 0 else { return nil }
      self.init(factor: factor, highFrequencyFactor: high, originalContext: context)
    }

    /// 1 for short waves, `factor` for long ones, and in between the inverse of the interpolated inverse.
    func divisor(_ wavelength: Double) -> Double {
      let waves = Double(originalContext) / wavelength
      if waves > highFrequencyFactor { return 1 }
      if waves < 1 { return factor }
      let smooth = (waves - 1) / (highFrequencyFactor - 1)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}

extension Double {
  /// The nearest number of so many decimals: what 32-bit arithmetic blurred becomes what was meant.
  fileprivate func rounded(toDecimals decimals: Int) -> Double {
    let unit = pow(10, Double(decimals))
    return (self * unit).rounded() / unit
  }
}
