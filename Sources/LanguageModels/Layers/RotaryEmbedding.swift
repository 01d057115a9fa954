import CKernels
import Foundation

/// Rotary position embedding in the halves convention: pairs `(x[i], x[i + half])` turn by `position · frequency[i]`.
struct RotaryEmbedding: Sendable {
  let inverseFrequencies: [Double]
  let headDimension: Int

  init(_ configuration: ModelConfiguration) {
    headDimension = configuration.headDimension
    inverseFrequencies = configuration.rotaryScaling.inverseFrequencies(
      half: configuration.headDimension / 2, theta: configuration.rotaryTheta)
  }

  /// Cosines and sines of `positions`, each `[positions.count, half]`.
  ///
  /// The angle is formed in Float as the reference libraries form it, so that long positions agree with them.
  func angles(of positions: [Int]) -> (cosine: [Float], sine: [Float]) {
    var cosine: [Float] = []
    var sine: [Float] = []
    cosine.reserveCapacity(positions.count * inverseFrequencies.count)
    sine.reserveCapacity(positions.count * inverseFrequencies.count)
    for position in positions {
      for frequency in inverseFrequencies {
        let angle = Double(Float(position) * Float(frequency))
        cosine.append(Float(cos(angle)))
        sine.append(Float(sin(angle)))
      }
    }
    return (cosine, sine)
  }
}
