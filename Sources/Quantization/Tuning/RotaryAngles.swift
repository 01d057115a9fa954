import CKernels
import LanguageModels
import Tensors

/// Cosines and sines of the positions of one window.
struct RotaryAngles {
  private let half: Int
  private let cosine: [Float]
  private let sine: [Float]
  private let negatedSine: [Float]

  init(_ rotary: RotaryEmbedding, length: Int) {
    var (cosine, sine): ([Float], [Float]) = ([], [])
    rotary.append(0..<length, cosine: &cosine, sine: &sine)
    half = rotary.half
    self.cosine = cosine
    self.sine = sine
    negatedSine = sine.map { -$0 }
  }

  /// Turns queries and keys of `values[rows, attention.stride]`, or their gradients back.
  func turn(
    _ values: UnsafeMutablePointer<Float>, rows: Int, _ attention: CausalAttention, backwards: Bool = false
  ) {
    let kernels = ck_active().pointee
    let sine = backwards ? negatedSine : sine
    cosine.withUnsafeBufferPointer { cosine in
      sine.withUnsafeBufferPointer { sine in
        guard let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return }
        // Keys follow queries, head by head.
        for row in 0..<rows {
          kernels.rotary(
            values + row * attention.stride, attention.headCount + attention.keyValueHeadCount,
            attention.headDimension, half, cosine + row * half, sine + row * half)
        }
      }
    }
  }
}
