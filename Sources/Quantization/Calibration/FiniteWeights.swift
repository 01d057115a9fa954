public import Checkpoints
import Tensors

/// The search for a weight that is not a number.
public enum FiniteWeights {
  /// Reads every floating-point tensor of a model, one at a time.
  ///
  /// - Throws: `QuantizationError` (`nonFiniteWeight`) that names the first tensor, in the order of names, with a NaN or an
  ///   infinity, and its index.
  public static func check(_ model: ModelDirectory) throws {
    for name in model.tensorNames {
      let tensor = try model.tensor(named: name)
      guard FloatConversion.canWiden(tensor.dtype) else { continue }
      try check(try tensor.floats(), columns: tensor.shape.dimensions.last ?? 1, name: name)
    }
  }

  /// Checks one row-major matrix, or a vector as one row.
  static func check(_ values: [Float], columns: Int, name: String) throws {
    guard let index = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw QuantizationError(
      .nonFiniteWeight,
      "\(name)[\(index / columns), \(index % columns)] is \(values[index]); the model file is damaged")
  }
}
