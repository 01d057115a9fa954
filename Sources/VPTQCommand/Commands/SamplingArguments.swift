import ArgumentParser
import Generation

/// How tokens are drawn.
struct SamplingArguments: ParsableArguments {
  @Option(help: "Divisor of the logits; 0 takes the most likely token.")
  var temperature = 0.8

  @Option(help: "Keep the K most likely tokens; 0 keeps all.")
  var topK = 0

  @Option(help: "Keep the most likely tokens that make up this probability.")
  var topP = 0.95

  @Option(help: "Keep tokens at least this likely, relative to the most likely one.")
  var minP = 0.0

  @Option(help: "Above 1, makes tokens that occurred less likely.")
  var repetitionPenalty = 1.0

  func validate() throws {
    do {
      try options(seed: 0).validate(vocabularySize: .max)
    } catch let error as GenerationError {
      throw ValidationError(error.message)
    }
  }

  func options(seed: UInt64) -> SamplingOptions {
    SamplingOptions(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty, seed: seed)
  }
}
