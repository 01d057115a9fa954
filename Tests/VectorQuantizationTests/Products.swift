import Tensors
import Testing

@testable import VectorQuantization

/// The kernel's product by the chosen path.
func product(_ layer: VectorQuantizedLinear, _ x: [Float], tokens: Int, byTiles: Bool) throws -> [Float] {
  let kernel = VectorQuantizedKernel(layer, isExact: true)
  var y = [Float](repeating: .nan, count: tokens * layer.outFeatures)
  x.withUnsafeBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      guard let x = x.baseAddress, let y = y.baseAddress else { return }
      kernel.multiply(x, tokens: tokens, into: y, byTiles: byTiles)
    }
  }
  return y
}

/// `x Wᵀ + b` in double precision.
func denseProduct(_ weight: [Float], _ x: [Float], tokens: Int, inFeatures: Int, bias: [Float]?) -> [Float] {
  let outFeatures = weight.count / inFeatures
  return weight.withUnsafeBufferPointer { weight in
    x.withUnsafeBufferPointer { x in
      (0..<(tokens * outFeatures)).map { index in
        let token = index / outFeatures, output = index % outFeatures
        var sum = 0.0
        for i in 0..<inFeatures { sum += Double(x[token * inFeatures + i]) * Double(weight[output * inFeatures + i]) }
        return Float(sum + Double(bias?[output] ?? 0))
      }
    }
  }
}

/// Every value within `tolerance` of the largest expected magnitude.
func expectClose(
  _ actual: [Float], _ expected: [Float], _ tolerance: Float, _ location: SourceLocation = #_sourceLocation
) {
  #expect(actual.count == expected.count, sourceLocation: location)
  let scale = expected.map(\.magnitude).max() ?? 0
  let worst = zip(actual, expected).map { $0.isFinite ? ($0 - $1).magnitude : .infinity }.max() ?? 0
  #expect(worst <= tolerance * max(scale, .leastNormalMagnitude), sourceLocation: location)
}

func bytes(_ tensor: Tensor) -> [UInt8] { tensor.withUnsafeBytes { [UInt8]($0) } }
