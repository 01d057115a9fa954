import Foundation
import Tensors

/// Random weights and correlated inputs, the same everywhere.
struct SyntheticLayer {
  let outFeatures: Int
  let inFeatures: Int
  var weight: [Float]
  var secondMoment: [Double]

  /// Gaussian weights with log-normal column scales; `H` from inputs in which neighbours correlate with 0.8.
  init(outFeatures: Int, inFeatures: Int, seed: UInt64 = 1, samples: Int? = nil) {
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    var random = CounterRandom(seed: seed)
    let scales = (0..<inFeatures).map { _ in Float(exp(0.5 * Self.gaussian(&random))) }
    weight = (0..<outFeatures * inFeatures).map { 0.02 * Float(Self.gaussian(&random)) * scales[$0 % inFeatures] }
    secondMoment = [Double](repeating: 0, count: inFeatures * inFeatures)
    let energy = (0..<inFeatures).map { _ in exp(0.7 * Self.gaussian(&random)) }
    let tokens = samples ?? 4 * inFeatures
    for _ in 0..<tokens {
      var x = [Double](repeating: 0, count: inFeatures)
      var state = 0.0
      for i in 0..<inFeatures {
        state = 0.8 * state + 0.6 * Self.gaussian(&random)
        x[i] = state * energy[i]
      }
      for i in 0..<inFeatures {
        for j in 0..<inFeatures { secondMoment[i * inFeatures + j] += x[i] * x[j] / Double(tokens) }
      }
    }
  }

  /// Sets row and column `input` of the second moment to zero: an input that was never active.
  mutating func kill(input: Int) {
    for i in 0..<inFeatures {
      secondMoment[input * inFeatures + i] = 0
      secondMoment[i * inFeatures + input] = 0
    }
  }

  /// The layer without input `input`.
  func removing(input: Int) -> SyntheticLayer {
    var result = self
    result = SyntheticLayer(
      outFeatures: outFeatures, inFeatures: inFeatures - 1,
      weight: weight.indices.filter { $0 % inFeatures != input }.map { weight[$0] },
      secondMoment: secondMoment.indices.filter { $0 % inFeatures != input && $0 / inFeatures != input }
        .map { secondMoment[$0] })
    return result
  }

  init(outFeatures: Int, inFeatures: Int, weight: [Float], secondMoment: [Double]) {
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.weight = weight
    self.secondMoment = secondMoment
  }

  static func gaussian(_ random: inout CounterRandom) -> Double {
    let radius = (-2 * log(1 - random.uniform())).squareRoot()
    return radius * cos(2 * Double.pi * random.uniform())
  }
}
