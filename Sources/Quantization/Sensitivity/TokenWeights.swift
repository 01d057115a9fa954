import Foundation
import LanguageModels

/// How much each token of the calibration text counts in the second moment of each input.
///
/// A token counts by the squared gradient of the loss by the outputs of the matrices that read the input, so that `E H Eᵀ`
/// comes nearer to what an error costs the model (GuidedQuant, Kim et al., ICML 2025, with all outputs in one group).
struct TokenWeights: Sendable {
  private struct Place: Hashable {
    let block: Int
    let input: LinearInput
  }

  private let weights: [Place: [Float]]

  /// Weights of mean 1 for every input; each matrix that reads it has the same say.
  ///
  /// - Parameter power: of the squared gradients; 1 takes them as they are, less makes their differences smaller.
  init(_ gradients: OutputGradients, _ configuration: ModelConfiguration, power: Double) {
    var weights: [Place: [Float]] = [:]
    let places = configuration.blocks.indices.flatMap { block in
      configuration.inputs(ofBlock: block).map { (Place(block: block, input: $0.input), $0.readers) }
    }
    for (place, readers) in places {
      var sum: [Double] = []
      for energies in readers.compactMap({ gradients[$0]?.energies }) where !energies.isEmpty {
        let powers = energies.map { pow(Double($0), power) }
        let mean = powers.reduce(0, +) / Double(powers.count)
        guard mean > 0, mean.isFinite else { continue }
        if sum.isEmpty { sum = [Double](repeating: 0, count: powers.count) }
        for index in sum.indices { sum[index] += powers[index] / mean }
      }
      guard !sum.isEmpty else { continue }
      let mean = sum.reduce(0, +) / Double(sum.count)
      weights[place] = sum.map { Float($0 / mean) }
    }
    self.weights = weights
  }

  /// One number for each token in the order of the windows; nil where all count alike.
  func weights(block: Int, input: LinearInput) -> [Float]? { weights[Place(block: block, input: input)] }
}
