import Foundation
import LanguageModels

/// How much each token of the calibration text counts in the second moment of each input.
///
/// A token counts by the squared gradient of the loss by the outputs of the matrices that read the input, so that `E H Eᵀ`
/// comes nearer to what an error costs the model (GuidedQuant, Kim et al., ICML 2025, with all outputs in one group).
enum TokenWeights {
  /// Weights of mean 1 for every input of a block, one for each token in the order of the windows; each matrix that reads an
  /// input has the same say. An input that is missing weighs all tokens alike.
  ///
  /// - Parameter power: of the squared gradients; 1 takes them as they are, less makes their differences smaller.
  static func weights(
    _ gradients: OutputGradients, _ configuration: ModelConfiguration, block: Int, power: Double
  ) -> [LinearInput: [Float]] {
    var weights: [LinearInput: [Float]] = [:]
    for entry in configuration.inputs(ofBlock: block) {
      var sum: [Double] = []
      for energies in entry.readers.compactMap({ gradients[$0]?.energies }) where !energies.isEmpty {
        let powers = energies.map { pow(Double($0), power) }
        let mean = powers.reduce(0, +) / Double(powers.count)
        guard mean > 0, mean.isFinite else { continue }
        if sum.isEmpty { sum = [Double](repeating: 0, count: powers.count) }
        for index in sum.indices { sum[index] += powers[index] / mean }
      }
      guard !sum.isEmpty else { continue }
      let mean = sum.reduce(0, +) / Double(sum.count)
      weights[entry.input] = sum.map { Float($0 / mean) }
    }
    return weights
  }
}
