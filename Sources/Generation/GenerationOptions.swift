/// How a reply is made.
public struct GenerationOptions: Sendable {
  /// How tokens are drawn.
  public var sampling: SamplingOptions
  /// The most tokens of the reply; nil: as many as the context holds.
  public var maximumTokens: Int?
  /// Texts that end the reply; they are not part of it.
  public var stopStrings: [String]
  /// How many of the most likely tokens are reported for each token of the reply; nil: none, and no log-probability.
  public var logProbabilityCount: Int?
  /// Whether tokens that end a text are ignored.
  public var ignoresEndTokens: Bool

  /// Options that differ from the defaults in what is given.
  public init(
    sampling: SamplingOptions = SamplingOptions(), maximumTokens: Int? = nil, stopStrings: [String] = [],
    logProbabilityCount: Int? = nil, ignoresEndTokens: Bool = false
  ) {
    self.sampling = sampling
    self.maximumTokens = maximumTokens
    self.stopStrings = stopStrings
    self.logProbabilityCount = logProbabilityCount
    self.ignoresEndTokens = ignoresEndTokens
  }
}
