import Tensors

/// A matrix of a block as tuning runs it.
protocol BlockMatrix: AnyObject {
  var inFeatures: Int { get }
  var outFeatures: Int { get }
  /// Where the bias lies among the tuned values.
  var tunedBias: Range<Int>? { get }
  /// A bias that is not tuned.
  var fixedBias: [Float]? { get }
  /// Floats that `decode` writes.
  var decodedCount: Int { get }

  /// Is told the gradient of its outputs, `rows` rows `stride` floats apart.
  func observe(_ dy: UnsafePointer<Float>, rows: Int, stride: Int)

  /// Decodes the weight into `memory` and returns its transpose, `[inFeatures, outFeatures]`.
  func decode(_ values: UnsafePointer<Float>, into memory: UnsafeMutablePointer<Float>) -> LinearAlgebra.Operand
}

extension BlockMatrix {
  func observe(_ dy: UnsafePointer<Float>, rows: Int, stride: Int) {}
}

/// A matrix that stays as it is stored.
final class FixedMatrix: BlockMatrix {
  let fixedBias: [Float]?
  /// `[outFeatures, inFeatures]`, of a floating type.
  private let weight: Tensor
  private let gradients: OutputGradients.Record?

  init(_ weight: Tensor, bias: [Float]?, gradients: OutputGradients.Record? = nil) {
    self.weight = weight
    self.gradients = gradients
    fixedBias = bias
  }

  func observe(_ dy: UnsafePointer<Float>, rows: Int, stride: Int) {
    gradients?.add(dy, rows: rows, width: outFeatures, stride: stride)
  }

  var inFeatures: Int { weight.shape[1] }
  var outFeatures: Int { weight.shape[0] }
  var tunedBias: Range<Int>? { nil }
  var decodedCount: Int { weight.shape.elementCount }

  func decode(_ values: UnsafePointer<Float>, into memory: UnsafeMutablePointer<Float>) -> LinearAlgebra.Operand {
    let rowBytes = inFeatures * weight.dtype.byteCount
    weight.withUnsafeBytes { bytes in
      parallelFor(outFeatures) { row in
        FloatConversion.widen(
          UnsafeRawBufferPointer(rebasing: bytes[(row * rowBytes)..<((row + 1) * rowBytes)]), dtype: weight.dtype,
          into: UnsafeMutableBufferPointer(start: memory + row * inFeatures, count: inFeatures))
      }
    }
    return LinearAlgebra.Operand(memory, stride: inFeatures).transposed
  }
}
