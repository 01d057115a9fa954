extension ModelConfiguration {
  /// The mixture of experts in a model that has one.
  public struct Experts: Sendable, Equatable {
    /// Blocks with experts.
    public let blocks: Int
    /// Routed experts in each of them.
    public let count: Int
    /// Routed experts that a token uses.
    public let perToken: Int
    /// Whether an expert is used by every token.
    public let hasShared: Bool
  }

  /// The experts of the blocks that have some; nil for a dense model.
  public var experts: Experts? {
    let mixtures = blocks.compactMap { block -> ExpertsConfiguration? in
      if case .experts(let experts) = block.feedForward { experts } else { nil }
    }
    return mixtures.first.map {
      Experts(
        blocks: mixtures.count, count: $0.routing.expertCount, perToken: $0.routing.expertsPerToken,
        hasShared: $0.shared != nil)
    }
  }
}
