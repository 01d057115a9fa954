/// Options of ggml's graphs that change what a model computes, and that no converted architecture has.
enum GGUFOptions {
  /// Each option with the value that means its absence.
  private static let neutral: [(key: String, value: Double)] = [
    ("attention.scale", 0), ("attention.clamp_kqv", 0), ("attention.max_alibi_bias", 0), ("attention.value_scale", 0),
    ("attention.temperature_scale", 0), ("attention.shared_kv_layers", 0), ("attention.sliding_window", 0),
    ("attention.temperature_length", 0), ("attn_logit_softcapping", 0), ("final_logit_softcapping", 0),
    ("router_logit_softcapping", 0), ("logit_scale", 0), ("residual_scale", 0), ("embedding_scale", 0),
    ("nextn_predict_layers", 0), ("interleave_moe_layer_step", 0), ("moe_every_n_layers", 0), ("expert_count", 0),
    ("expert_weights_scale", 1), ("expert_group_count", 1), ("rope.scaling.alpha", 0),
  ]
  private static let falseFlags = ["use_parallel_residual", "swin_norm"]

  /// Refuses a file with such an option, unless the architecture has asked for it or its value is neutral.
  ///
  /// - Throws: `CheckpointError` (`unsupported`) that names the key.
  static func refuseUnknown(_ parameters: GGUFHyperparameters) throws {
    let unused = Set(parameters.unused)
    func refuse(_ key: String) -> CheckpointError {
      CheckpointError(
        .unsupported,
        "\(parameters.file.path): the option \(parameters.architecture).\(key) is not converted for this architecture")
    }
    for (key, value) in neutral where unused.contains(key) {
      guard let number = parameters[key]?.doubleValue, number == value || number == 0 else { throw refuse(key) }
    }
    for key in falseFlags where unused.contains(key) {
      guard parameters[key]?.boolValue == false else { throw refuse(key) }
    }
    if unused.contains("attention.causal"), parameters["attention.causal"]?.boolValue != true {
      throw refuse("attention.causal")
    }
  }
}
