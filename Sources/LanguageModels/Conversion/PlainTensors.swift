package import Checkpoints
package import Tensors

/// A model's tensors with 8-bit block-scaled matrices written out in a type that every reader knows.
package struct PlainTensors: TensorSource {
  private let model: ModelDirectory
  /// What block-scaled matrices become.
  private let decodedType: DType

  package init(_ model: ModelDirectory, decodedType: DType = .bfloat16) {
    self.model = model
    self.decodedType = decodedType
  }

  /// All names but those of block scales.
  package var tensorNames: [String] {
    model.tensorNames.filter { !$0.hasSuffix(".weight_scale_inv") }
  }

  package func contains(_ name: String) -> Bool {
    model.contains(name) && !name.hasSuffix(".weight_scale_inv")
  }

  /// The type and shape that a tensor will have; nothing is decoded yet.
  package func declaration(of name: String) throws -> (dtype: DType, shape: Shape) {
    let tensor = try model.tensor(named: name)
    return (BlockScales.apply(to: tensor) && name.hasSuffix(".weight") ? decodedType : tensor.dtype, tensor.shape)
  }

  package func tensor(named name: String) throws -> Tensor {
    let tensor = try model.tensor(named: name)
    guard BlockScales.apply(to: tensor), name.hasSuffix(".weight") else { return tensor }
    return Tensor(
      try BlockScales.floats(String(name.dropLast(7)), tensor, in: model), shape: tensor.shape, dtype: decodedType)
  }
}
