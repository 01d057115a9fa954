public import Tensors

/// Centroids of every group, stored as the checkpoint has them: a tensor `[G, K·v]` (format section 3.1).
public struct Codebook: Sendable {
  /// Codebooks along the input axis (`G`).
  public let groupCount: Int
  /// Centroids of each group (`K`).
  public let count: Int
  /// Elements of one centroid (`v`).
  public let vectorLength: Int
  /// The values, `[G, K·v]`, in the model's dtype.
  public let tensor: Tensor

  /// Checks `tensor` against the settings; `name` is the tensor's name for messages.
  ///
  /// - Throws: `VectorQuantizationError` (`wrongType`, `wrongShape`).
  public init(_ tensor: Tensor, groupCount: Int, count: Int, vectorLength: Int, name: String) throws {
    guard tensor.dtype.isModelType else {
      throw VectorQuantizationError(
        .wrongType, "\(name) has type \(tensor.dtype.rawValue); it must be F16, BF16 or F32")
    }
    let expected: Shape = [groupCount, count * vectorLength]
    guard tensor.shape == expected else {
      throw VectorQuantizationError(
        .wrongShape, "\(name) has shape \(tensor.shape); the layer's settings need \(expected)")
    }
    self.groupCount = groupCount
    self.count = count
    self.vectorLength = vectorLength
    self.tensor = tensor
  }

  /// A codebook of `groupCount · count · vectorLength` values rounded to `dtype`.
  public init(_ values: [Float], groupCount: Int = 1, count: Int, vectorLength: Int, dtype: DType) {
    self.groupCount = groupCount
    self.count = count
    self.vectorLength = vectorLength
    tensor = Tensor(values, shape: [groupCount, count * vectorLength], dtype: dtype)
  }

  /// Group `group` in float32, one centroid of `vectorLength` values after the other.
  public func floats(group: Int) -> [Float] {
    tensor.rows(group..<(group + 1)).modelFloats
  }
}

extension DType {
  /// Whether model weights are stored in this type.
  var isModelType: Bool { self == .float16 || self == .bfloat16 || self == .float32 }
}

extension Tensor {
  /// The values of a tensor whose type was checked to be one that model weights are stored in.
  var modelFloats: [Float] {
    [Float](unsafeUninitializedCapacity: shape.elementCount) { target, initialized in
      withUnsafeBytes { FloatConversion.widen($0, dtype: dtype, into: target) }
      initialized = shape.elementCount
    }
  }

  /// The address of a tensor that is known not to be empty.
  func address<Element>(as type: Element.Type = Element.self) -> UnsafePointer<Element> {
    guard let baseAddress else { preconditionFailure("an empty tensor has no address") }
    return baseAddress.assumingMemoryBound(to: type)
  }
}
