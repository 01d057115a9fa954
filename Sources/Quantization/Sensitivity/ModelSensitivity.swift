import JSONReader

/// How much the loss of a model rises with the error of each of its matrices.
///
/// To second order the loss rises by `½ Σ_o g_o² (E H Eᵀ)_oo`, `g_o` the gradient by output `o`. With one mean square for all
/// outputs of a matrix, and with `E` as vector quantization with error feedback leaves it, that is the distortion of the
/// codebook on weights of variance 1, times a number of the matrix; these numbers are kept here.
public struct ModelSensitivity: Sendable, Equatable {
  /// By module: the rise of the loss, in nats per token and unit of distortion.
  public let lossPerDistortion: [String: Double]
  /// Whether gradients went into it; without, equal relative errors of outputs cost the same for each weight.
  public let hasGradients: Bool

  init(lossPerDistortion: [String: Double], hasGradients: Bool) {
    self.lossPerDistortion = lossPerDistortion
    self.hasGradients = hasGradients
  }

  init?(_ json: JSONValue) {
    guard let hasGradients = json["has_gradients"]?.boolValue, let entries = json["loss_per_distortion"]?.objectValue
    else { return nil }
    self.hasGradients = hasGradients
    lossPerDistortion = Dictionary(
      entries.compactMap { entry in entry.value.doubleValue.map { (entry.key, $0) } }, uniquingKeysWith: { $1 })
  }

  var json: JSONValue {
    .object([
      ("has_gradients", .bool(hasGradients)),
      (
        "loss_per_distortion",
        .object(lossPerDistortion.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
      ),
    ])
  }
}
