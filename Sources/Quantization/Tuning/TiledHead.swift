import LanguageModels
import Tensors

/// A model's head, applied to some tokens at a time, so that the logits of a whole window are never held at once.
struct TiledHead {
  /// `[vocabulary, width]`.
  let weight: FloatBuffer
  let vocabulary: Int
  let width: Int
  let precision: LinearAlgebra.Precision
  /// Tokens whose logits are formed at a time.
  let tile: Int

  /// Logits that are formed at a time, unless 16 tokens have more.
  private static let logitLimit = 1 << 24

  /// The head of a model for windows of `rows` tokens; `weight` where it is in memory already.
  init(_ model: TuningModel, rows: Int, weight: FloatBuffer? = nil) {
    self.weight = weight ?? FloatBuffer(model.head)
    vocabulary = model.configuration.vocabularySize
    width = model.configuration.hiddenSize
    precision = model.precision
    tile = min(256, max(16, Self.logitLimit / vocabulary), rows)
  }

  /// Writes `logits[count, vocabulary]` of normalised states `x[count, width]`.
  func apply(_ x: UnsafePointer<Float>, count: Int, into logits: UnsafeMutablePointer<Float>) {
    LinearAlgebra.product(
      .init(x, stride: width), .init(weight.base, stride: width).transposed, into: logits, stride: vocabulary,
      m: count, n: vocabulary, k: width, precision: precision)
  }

  /// Writes `dx[count, width]` from the gradient of the logits.
  func backPropagate(_ dlogits: UnsafePointer<Float>, count: Int, into dx: UnsafeMutablePointer<Float>) {
    LinearAlgebra.product(
      .init(dlogits, stride: vocabulary), .init(weight.base, stride: width), into: dx, stride: width, m: count,
      n: width, k: vocabulary, precision: precision)
  }
}
