public import Tensors

/// The tensors of one source, and where it has none, those of another.
public struct LayeredSource: TensorSource {
  private let top: any TensorSource
  private let base: any TensorSource

  /// `top` hides tensors of the same name in `base`.
  public init(top: any TensorSource, base: any TensorSource) {
    self.top = top
    self.base = base
  }

  /// Whether either source has the tensor.
  public func contains(_ name: String) -> Bool { top.contains(name) || base.contains(name) }

  /// The tensor of `top`, else that of `base`.
  public func tensor(named name: String) throws -> Tensor {
    try (top.contains(name) ? top : base).tensor(named: name)
  }
}
