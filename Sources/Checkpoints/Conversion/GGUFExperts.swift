import JSONReader
import Tensors

/// The routed experts of a layer: how many, how many a token uses, and how wide they are.
struct GGUFExperts {
  /// What the hub calls the parts.
  struct Names {
    let router: String
    let experts: String
    let gate: String
    let up: String
    let down: String

    init(router: String, experts: String, _ gate: String, _ up: String, _ down: String) {
      (self.router, self.experts, self.gate, self.up, self.down) = (router, experts, gate, up, down)
    }

    /// The names of Qwen and DeepSeek.
    static let mlp = Names(router: "mlp.gate", experts: "mlp.experts", "gate_proj", "up_proj", "down_proj")
  }

  /// More experts than this are a damaged file.
  private static let limit = 1 << 16

  let count: Int
  let usedCount: Int
  /// Rows of an expert's gate.
  let width: Int

  /// Nil for a file without experts.
  init?(_ parameters: GGUFHyperparameters) throws {
    guard try parameters.optionalSize("expert_count") != nil else { return nil }
    try self.init(required: parameters)
  }

  init(required parameters: GGUFHyperparameters) throws {
    let file = parameters.file
    count = try parameters.requiredSize("expert_count")
    usedCount = try parameters.requiredSize("expert_used_count")
    guard usedCount <= count, count <= Self.limit else {
      throw CheckpointError(.malformedFile, "\(file.path) uses \(usedCount) of \(count) experts")
    }
    let gate = file.tensors.first { $0.name.hasSuffix(".ffn_gate_exps.weight") && $0.shape.rank == 3 }
    width =
      try parameters.size("expert_feed_forward_length") ?? gate?.shape[1]
      ?? parameters.requiredSize("feed_forward_length")
  }

  /// The members of `config.json` that Qwen's models have for their experts.
  func members(normalizesWeights: Bool) -> [(key: String, value: JSONValue)] {
    [
      ("decoder_sparse_step", 1), ("mlp_only_layers", []),
      ("moe_intermediate_size", .integer(width)), ("norm_topk_prob", .bool(normalizesWeights)),
      ("num_experts", .integer(count)), ("num_experts_per_tok", .integer(usedCount)),
    ]
  }
}

extension GGUFLayerPlan {
  /// Whether the layer routes its tokens to experts.
  var hasExperts: Bool { contains("ffn_gate_inp.weight") }

  /// Router and experts: stacked in one tensor, or in the first Mixtral files one tensor each.
  func addExperts(_ experts: GGUFExperts, _ names: GGUFExperts.Names, _ dimensions: GGUFDimensions) throws {
    let hidden = dimensions.hiddenSize
    try add("ffn_gate_inp", names.router, [experts.count, hidden])
    let parts: [(source: String, target: String, shape: Shape)] = [
      ("ffn_gate", names.gate, [experts.width, hidden]), ("ffn_up", names.up, [experts.width, hidden]),
      ("ffn_down", names.down, [hidden, experts.width]),
    ]
    for (name, part, shape) in parts {
      if contains(name + "_exps.weight") {
        try plan.addParts(source + name + "_exps.weight", count: experts.count, shape) { index in
          "\(target)\(names.experts).\(index).\(part).weight"
        }
      } else {
        for index in 0..<experts.count { try add("\(name).\(index)", "\(names.experts).\(index).\(part)", shape) }
      }
    }
  }
}
