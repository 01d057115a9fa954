import Foundation

/// Rotary position embedding: pair `i` turns by `position · frequency[i]`.
package struct RotaryEmbedding: Sendable {
  private let configuration: RotaryConfiguration

  package init(_ configuration: RotaryConfiguration) {
    self.configuration = configuration
  }

  /// Pairs that are turned.
  package var half: Int { configuration.dimension / 2 }

  /// Which set of frequencies a sequence of `length` positions uses; keys of different regimes do not go together.
  func regime(length: Int) -> Int { configuration.scaling.regime(length: length) }

  /// Appends cosines and sines of `positions`, each `[positions.count, half]`, for a sequence that ends with them.
  ///
  /// The angle is formed in Float as the reference libraries form it, so that long positions agree with them.
  package func append(_ positions: Range<Int>, cosine: inout [Float], sine: inout [Float]) {
    let frequencies = configuration.scaling.inverseFrequencies(
      half: half, theta: configuration.theta, length: positions.upperBound)
    let factor = Float(configuration.scaling.attentionFactor)
    for position in positions {
      for frequency in frequencies {
        let angle = Double(Float(position) * Float(frequency))
        cosine.append(Float(cos(angle)) * factor)
        sine.append(Float(sin(angle)) * factor)
      }
    }
  }
}
