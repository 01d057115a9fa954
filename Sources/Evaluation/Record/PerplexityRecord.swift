import Foundation
import JSONReader

/// A perplexity with everything that the number depends on.
public struct PerplexityRecord: Sendable, Equatable {
  /// Losses of the predictions at some positions of the windows.
  public struct PositionBucket: Sendable, Equatable {
    /// The first position of the window, counted from 0; position 0 is never predicted without a begin token.
    public var first: Int
    /// The last position, inclusive.
    public var last: Int
    /// Mean negative log-probability, natural logarithm.
    public var meanLoss: Double
    /// Predictions in the bucket.
    public var count: Int

    /// A bucket.
    public init(first: Int, last: Int, meanLoss: Double, count: Int) {
      self.first = first
      self.last = last
      self.meanLoss = meanLoss
      self.count = count
    }
  }

  /// `exp` of the mean loss.
  public var value: Double
  /// Mean negative log-probability of a token, natural logarithm.
  public var meanLoss: Double
  /// Predictions that were scored.
  public var tokens: Int
  /// Windows that were scored.
  public var windows: Int
  /// Tokens of the text in one window.
  public var context: Int
  /// Tokens from the start of one window to the start of the next.
  public var stride: Int
  /// Whether a begin token stood before every window.
  public var bos: Bool
  /// Tokens of the text that were left out: not covered by any window that was scored.
  public var droppedTokens: Int
  /// What the user called the text: a path, `wikitext2` or `c4`.
  public var text: String
  /// Tokens of the whole text.
  public var textTokens: Int
  /// Words of the whole text: runs of characters that are not white space.
  public var textWords: Int
  /// UTF-8 bytes of the whole text.
  public var textBytes: Int
  /// Tokens of the whole text for each of its words.
  public var tokensPerWord: Double { textWords > 0 ? Double(textTokens) / Double(textWords) : .nan }
  /// `exp(mean loss · tokens per word)`: comparable between tokenizers.
  public var wordPerplexity: Double { exp(meanLoss * tokensPerWord) }
  /// Mean loss in bits per byte of text: comparable between tokenizers.
  public var bitsPerByte: Double { meanLoss / log(2) * Double(textTokens) / Double(max(1, textBytes)) }
  /// Loss by position in the window.
  public var lossByPosition: [PositionBucket]
  /// Losses of single predictions in rising order, by the share of predictions at or below them.
  public var lossQuantiles: [Quantile]
}

extension PerplexityRecord {
  /// The part of the document.
  var json: JSONValue {
    var fields = RecordFields()
    fields.add("value", value)
    fields.add("mean_loss", meanLoss)
    fields.add("tokens", tokens)
    fields.add("windows", windows)
    fields.add("context", context)
    fields.add("stride", stride)
    fields.add("bos", .bool(bos))
    fields.add("dropped_tokens", droppedTokens)
    fields.add("text", text)
    fields.add("text_tokens", textTokens)
    fields.add("text_words", textWords)
    fields.add("text_bytes", textBytes)
    fields.add("tokens_per_word", tokensPerWord)
    fields.add("word_perplexity", wordPerplexity)
    fields.add("bits_per_byte", bitsPerByte)
    fields.add(
      "loss_by_position",
      .array(
        lossByPosition.map {
          .object([
            ("first", .integer($0.first)), ("last", .integer($0.last)), ("mean_loss", .number($0.meanLoss)),
            ("count", .integer($0.count)),
          ])
        }))
    fields.add("loss_quantiles", Quantile.json(lossQuantiles))
    return fields.object
  }

  init(_ reader: RecordReader) throws {
    value = try reader.number("value")
    meanLoss = reader.optionalNumber("mean_loss") ?? log(value)
    tokens = try reader.integer("tokens")
    windows = try reader.integer("windows")
    context = try reader.integer("context")
    stride = try reader.integer("stride")
    bos = try reader.bool("bos")
    droppedTokens = try reader.integer("dropped_tokens")
    text = reader.optionalText("text") ?? ""
    textTokens = reader.optionalInteger("text_tokens") ?? 0
    textWords = reader.optionalInteger("text_words") ?? 0
    textBytes = reader.optionalInteger("text_bytes") ?? 0
    lossByPosition = try (reader.has("loss_by_position") ? reader.parts("loss_by_position") : []).map {
      PositionBucket(
        first: try $0.integer("first"), last: try $0.integer("last"), meanLoss: try $0.number("mean_loss"),
        count: try $0.integer("count"))
    }
    lossQuantiles = try reader.part("loss_quantiles").map(Quantile.read) ?? []
  }
}
