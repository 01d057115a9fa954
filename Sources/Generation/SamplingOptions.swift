/// How a token is drawn from a row of logits.
///
/// The steps run in this order: repetition, frequency and presence penalties, logit bias, temperature, top-k, typical, top-p,
/// min-p. The defaults sample from the model's own distribution.
public struct SamplingOptions: Sendable, Equatable {
  /// Divisor of the logits, at least 0; below `greedyThreshold` the most likely token is taken.
  public var temperature: Double = 1
  /// Keeps the `topK` most likely tokens and those tied with the last of them; 0 and -1 keep all.
  public var topK: Int = 0
  /// Keeps the fewest most likely tokens whose probabilities sum to at least `topP`, in 0...1; at least one is kept.
  public var topP: Double = 1
  /// Keeps the fewest tokens whose surprise is nearest to the expected one and whose probabilities sum to at least `typicalP`, in
  /// 0...1; at least one is kept (Meister et al., 2023).
  public var typicalP: Double = 1
  /// Keeps tokens at least `minP` times as likely as the most likely one, in 0...1.
  public var minP: Double = 0
  /// Divides positive and multiplies negative logits of tokens in the prompt or the reply; above 0, 1 is off.
  public var repetitionPenalty: Double = 1
  /// Subtracted once from the logit of every token of the reply so far, in -2...2.
  public var presencePenalty: Double = 0
  /// Subtracted from a token's logit for each time it occurs in the reply so far, in -2...2.
  public var frequencyPenalty: Double = 0
  /// Added to the logits of these ids, in -100...100; -100 excludes the id.
  public var logitBias: [Int: Double] = [:]
  /// Seed of the draws; nil takes a fresh one for each sampler.
  public var seed: UInt64?

  /// Temperatures below this are 0: the limit of the softmax, with ties going to the lowest id.
  public static let greedyThreshold = 1e-3

  /// The most likely token at every step.
  public static let greedy = SamplingOptions(temperature: 0)

  /// Options that differ from the defaults in what is given.
  public init(
    temperature: Double = 1, topK: Int = 0, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
    presencePenalty: Double = 0, frequencyPenalty: Double = 0, logitBias: [Int: Double] = [:], seed: UInt64? = nil
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.presencePenalty = presencePenalty
    self.frequencyPenalty = frequencyPenalty
    self.logitBias = logitBias
    self.seed = seed
  }

  /// Checks every option against its range.
  ///
  /// - Parameter vocabularySize: the number of ids that `logitBias` may name.
  /// - Throws: `GenerationError` (`invalidOption`) that names the first option at fault.
  public func validate(vocabularySize: Int) throws {
    guard temperature.isFinite, temperature >= 0 else {
      throw GenerationError.invalid("temperature", "a number of at least 0", temperature)
    }
    guard topK >= -1 else { throw GenerationError.invalid("topK", "at least 0, or -1 to turn it off", topK) }
    guard (0...1).contains(topP) else { throw GenerationError.invalid("topP", "in 0...1", topP) }
    guard (0...1).contains(typicalP) else { throw GenerationError.invalid("typicalP", "in 0...1", typicalP) }
    guard (0...1).contains(minP) else { throw GenerationError.invalid("minP", "in 0...1", minP) }
    guard repetitionPenalty.isFinite, repetitionPenalty > 0 else {
      throw GenerationError.invalid("repetitionPenalty", "a number above 0", repetitionPenalty)
    }
    guard (-2...2).contains(presencePenalty) else {
      throw GenerationError.invalid("presencePenalty", "in -2...2", presencePenalty)
    }
    guard (-2...2).contains(frequencyPenalty) else {
      throw GenerationError.invalid("frequencyPenalty", "in -2...2", frequencyPenalty)
    }
    for (id, bias) in logitBias.sorted(by: { $0.key < $1.key }) {
      guard (0..<vocabularySize).contains(id) else {
        throw GenerationError.invalid("logitBias", "given for ids in 0..<\(vocabularySize)", id)
      }
      guard (-100...100).contains(bias) else { throw GenerationError.invalid("logitBias", "in -100...100", bias) }
    }
  }
}
