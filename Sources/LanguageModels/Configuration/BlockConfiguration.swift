/// The nonlinearity of a gated feed-forward layer.
public enum Activation: Sendable, Equatable {
  /// `x · sigmoid(x)`.
  case silu
  /// The Gaussian error unit by its tanh form.
  case gelu
}

/// What one transformer block is made of; tensor names are below the block.
public struct BlockConfiguration: Sendable, Equatable {
  /// How tokens look at each other.
  public var attention: AttentionConfiguration
  /// What happens to each token by itself.
  public var feedForward: FeedForwardConfiguration
  /// The norm before attention.
  package internal(set) var attentionNorm = "input_layernorm"
  /// A norm of attention's output, before it is added.
  package internal(set) var attentionOutputNorm: String?
  /// The norm before the feed-forward layer.
  package internal(set) var feedForwardNorm = "post_attention_layernorm"
  /// A norm of the feed-forward layer's output, before it is added.
  package internal(set) var feedForwardOutputNorm: String?

  init(attention: AttentionConfiguration, feedForward: FeedForwardConfiguration) {
    self.attention = attention
    self.feedForward = feedForward
  }
}

/// The attention of one block.
public struct AttentionConfiguration: Sendable, Equatable {
  /// How queries, keys and values are made.
  public enum Projections: Sendable, Equatable {
    /// `q_proj`, `k_proj`, `v_proj`; biased or not.
    case separate(bias: Bool)
    /// One matrix `qkv_proj` whose outputs are all queries, all keys, all values.
    case fused
    /// Queries, keys and values by way of narrow latent vectors.
    case latent(LatentConfiguration)
  }

  /// Number of query heads.
  public var headCount: Int
  /// Number of key and value heads; query head `h` reads head `h / (headCount / keyValueHeadCount)`.
  public var keyValueHeadCount: Int
  /// Width of a head.
  public var headDimension: Int
  /// Factor of the scores.
  public var scale: Float
  /// Positions a token sees, itself included; nil for all before it.
  public var window: Int?
  /// Scores are bent to stay within this bound: `cap · tanh(score / cap)`.
  public var softCap: Float?
  /// Which of the model's rotary embeddings turns queries and keys.
  public var rotary = 0
  /// How queries, keys and values are made.
  public var projections: Projections
  /// Whether the output projection has a bias.
  public var outputBias = false
  /// Whether each head's query and key is normalised (`q_norm`, `k_norm`).
  public var hasHeadNorms = false

  init(headCount: Int, keyValueHeadCount: Int, headDimension: Int, projections: Projections) {
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headDimension = headDimension
    self.projections = projections
    scale = Float(1 / Double(headDimension).squareRoot())
  }
}

/// The widths of latent attention (DeepSeek-V2, section 2.1).
public struct LatentConfiguration: Sendable, Equatable {
  /// Width of the latent that queries are made from; nil where they come from the residual stream directly.
  public var queryRank: Int?
  /// Width of the latent that keys and values are made from, and that the cache holds.
  public var keyValueRank: Int
  /// The part of a head's query and key without position.
  public var plainDimension: Int
  /// The part of a head's query, and of the key that all heads share, that is turned by the position.
  public var rotaryDimension: Int
  /// Width of a head's value.
  public var valueDimension: Int
  /// Whether the projections into the latent spaces have a bias.
  public var bias: Bool
  /// Whether turned pairs are neighbours, not halves.
  public var isInterleaved: Bool
}

/// The feed-forward layer of one block.
public enum FeedForwardConfiguration: Sendable, Equatable {
  /// One gated layer.
  case gated(GatedConfiguration)
  /// Several gated layers of which each token uses a few.
  case experts(ExpertsConfiguration)
}

/// A gated feed-forward layer `down(activation(gate(x)) · up(x))`.
public struct GatedConfiguration: Sendable, Equatable {
  /// Width between the matrices.
  public var width: Int
  /// The nonlinearity of the gate.
  public var activation: Activation
  /// Whether all three have biases.
  public var bias = false
  /// Where the matrices lie below the block.
  public var path = "mlp"
  /// The names of gate, up and down.
  public var names = Names.standard

  /// The names of the matrices below `path`.
  public enum Names: Sendable, Equatable {
    /// `gate_proj`, `up_proj`, `down_proj`.
    case standard
    /// `w1`, `w3`, `w2`.
    case numbered
    /// `gate_up_proj` with gate and up stacked, `down_proj`.
    case fused
  }

  init(width: Int, activation: Activation) {
    self.width = width
    self.activation = activation
  }
}

/// A mixture of experts.
public struct ExpertsConfiguration: Sendable, Equatable {
  /// How a token's experts are chosen.
  public var routing: RoutingConfiguration
  /// Where the router's matrix lies below the block.
  public var routerPath: String
  /// The routed experts, all alike; expert `n` lies at `expert.path + ".n"`.
  public var expert: GatedConfiguration
  /// An expert that every token uses.
  public var shared: GatedConfiguration?
  /// A matrix of one row; the shared expert's output is scaled by the sigmoid of its product with the input.
  public var sharedGatePath: String?
}

/// The choice of experts from a router's logits.
public struct RoutingConfiguration: Sendable, Equatable {
  /// How logits become scores.
  public enum Scoring: Sendable, Equatable {
    /// Softmax over all experts.
    case softmax
    /// The sigmoid of each.
    case sigmoid
  }

  /// How a group of experts is ranked among the groups.
  public enum GroupRanking: Sendable, Equatable {
    /// By its best expert.
    case best
    /// By the sum of its two best.
    case bestTwo
  }

  /// Number of routed experts.
  public var expertCount: Int
  /// Experts per token.
  public var expertsPerToken: Int
  /// How logits become scores.
  public var scoring = Scoring.softmax
  /// Whether the chosen weights are divided by their sum.
  public var normalizesWeights = false
  /// Factor of the weights.
  public var scale: Float = 1
  /// Groups the experts fall into, of which only `groupsPerToken` are open to a token.
  public var groupCount = 1
  /// Groups open to a token.
  public var groupsPerToken = 1
  /// How groups are ranked.
  public var groupRanking = GroupRanking.best
  /// Whether scores are shifted by a stored bias for the choice (not for the weights).
  public var hasBias = false

  init(expertCount: Int, expertsPerToken: Int) throws {
    guard expertsPerToken <= expertCount else {
      throw LanguageModelError(
        .badConfiguration, "config.json: \(expertsPerToken) experts per token of only \(expertCount)")
    }
    self.expertCount = expertCount
    self.expertsPerToken = expertsPerToken
  }
}
