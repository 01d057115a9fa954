/// A prompt to continue, and how.
public struct GenerationRequest: Sendable {
  /// The ids of the prompt, at least one.
  public var prompt: [Int]
  /// How the reply is made.
  public var options: GenerationOptions
  /// How many of the most likely tokens are reported for each token of the prompt; nil: none, and no log-probability.
  public var promptLogProbabilityCount: Int?
  /// Tells apart replies to the same prompt that share a seed.
  public var stream: UInt64
  /// What the reply's tokens must fit.
  public var constraint: (any TokenConstraint)?

  /// A request that differs from the defaults in what is given.
  public init(
    prompt: [Int], options: GenerationOptions = GenerationOptions(), promptLogProbabilityCount: Int? = nil,
    stream: UInt64 = 0, constraint: (any TokenConstraint)? = nil
  ) {
    self.prompt = prompt
    self.options = options
    self.promptLogProbabilityCount = promptLogProbabilityCount
    self.stream = stream
    self.constraint = constraint
  }

  /// Checks everything against a model's sizes, and returns the most tokens that the reply may have.
  ///
  /// - Throws: `GenerationError`: `badPrompt`, `contextLengthExceeded` with both numbers, or `invalidOption`.
  package func limit(vocabularySize: Int, contextLength: Int) throws -> Int {
    guard !prompt.isEmpty else { throw GenerationError(.badPrompt, "the prompt has no token") }
    if let bad = prompt.first(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw GenerationError(
        .badPrompt, "the prompt has the id \(bad), outside the vocabulary of \(vocabularySize)")
    }
    guard prompt.count < contextLength else {
      throw GenerationError(
        .contextLengthExceeded, "the prompt has \(prompt.count) tokens; the context holds \(contextLength)")
    }
    if let maximum = options.maximumTokens, maximum < 1 {
      throw GenerationError.invalid("maximumTokens", "at least 1", maximum)
    }
    for (option, count) in [
      ("logProbabilityCount", options.logProbabilityCount), ("promptLogProbabilityCount", promptLogProbabilityCount),
    ] {
      if let count, !(0...20).contains(count) { throw GenerationError.invalid(option, "in 0...20", count) }
    }
    try options.sampling.validate(vocabularySize: vocabularySize)
    return min(options.maximumTokens ?? .max, contextLength - prompt.count)
  }
}
