import Foundation
import Generation
import JSONReader

/// What chat and plain completions have in common.
struct GenerationParameters {
  var options = GenerationOptions()
  let model: String?
  let isStreamed: Bool
  let includesUsage: Bool
  /// Replies to the same prompt.
  let choices: Int

  /// The most replies to one prompt.
  static let choiceLimit = 16
  private static let stopLimit = 4

  init(_ fields: RequestFields) throws {
    model = try fields.string("model")
    isStreamed = try fields.bool("stream") ?? false
    let streaming = try fields.fields("stream_options")
    guard streaming == nil || isStreamed else {
      throw APIError.invalid("stream_options", "stream_options go with stream: true")
    }
    includesUsage = try streaming?.bool("include_usage") ?? false
    choices = try fields.integer("n", in: 1...Self.choiceLimit) ?? 1
    let positive = 1...Int.max
    options.maximumTokens =
      try fields.integer("max_completion_tokens", in: positive) ?? fields.integer("max_tokens", in: positive)
    options.sampling = try Self.sampling(fields)
    options.stopStrings = try Self.stops(fields)
    options.ignoresEndTokens = try fields.bool("ignore_eos") ?? false
  }

  private static func sampling(_ fields: RequestFields) throws -> SamplingOptions {
    var sampling = SamplingOptions()
    sampling.temperature = try fields.number("temperature", in: 0...Double.greatestFiniteMagnitude) ?? 1
    sampling.topP = try fields.number("top_p", in: 0...1) ?? 1
    sampling.topK = try fields.integer("top_k", in: -1...Int.max) ?? 0
    sampling.minP = try fields.number("min_p", in: 0...1) ?? 0
    sampling.typicalP = try fields.number("typical_p", in: 0...1) ?? 1
    let penalty = try fields.number("repetition_penalty", in: 0...Double.greatestFiniteMagnitude) ?? 1
    guard penalty > 0 else { throw fields.error("repetition_penalty", "a number above 0") }
    sampling.repetitionPenalty = penalty
    sampling.presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
    sampling.frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
    sampling.seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
    for (key, value) in try fields.fields("logit_bias")?.json.objectValue ?? [] {
      guard let id = Int(key), let bias = value.doubleValue, (-100...100).contains(bias) else {
        throw fields.error("logit_bias", "an object of token ids with numbers in -100...100")
      }
      sampling.logitBias[id] = bias
    }
    return sampling
  }

  private static func stops(_ fields: RequestFields) throws -> [String] {
    guard let value = fields["stop"] else { return [] }
    if let text = value.stringValue { return [text].filter { !$0.isEmpty } }
    let texts = value.arrayValue?.compactMap(\.stringValue)
    guard let texts, texts.count == value.arrayValue?.count, texts.count <= stopLimit else {
      throw fields.error("stop", "a string or a list of up to \(stopLimit) strings")
    }
    return texts.filter { !$0.isEmpty }
  }

  /// The requests for all choices of one prompt.
  func requests(
    prompt: [Int], promptLogProbabilityCount: Int? = nil, constraint: (any TokenConstraint)? = nil
  ) -> [GenerationRequest] {
    (0..<choices).map {
      GenerationRequest(
        prompt: prompt, options: options, promptLogProbabilityCount: promptLogProbabilityCount, stream: UInt64($0),
        constraint: constraint)
    }
  }
}
