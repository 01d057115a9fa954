public import Tensors

/// Anything that hands out tensors by name: one file, a folder of shards, or values in memory.
public protocol TensorSource: Sendable {
  /// Whether a tensor of this name exists.
  func contains(_ name: String) -> Bool

  /// The tensor of this name.
  ///
  /// - Throws: an error that names the tensor and the file if it is absent or unreadable.
  func tensor(named name: String) throws -> Tensor
}
