import JSONReader

/// How far a model's predictions are from those of a reference model, over the tokens of a text.
public struct DivergenceRecord: Sendable, Equatable {
  /// What the user called the reference model, or the file of its logits.
  public var reference: String
  /// Mean over tokens of `Σ p log(p / q)`, `p` the reference's distribution and `q` the model's; natural logarithm.
  public var mean: Double
  /// Standard error of the mean, as if tokens were independent.
  public var meanStandardError: Double
  /// The median over tokens.
  public var median: Double
  /// Divergences of single tokens, by the share of tokens at or below them; holds `p90`, `p99` and others.
  public var quantiles: [Quantile]
  /// The largest of a token.
  public var max: Double
  /// Share of tokens for which both models find the same next token most likely.
  public var topAgreement: Double
  /// Root mean square of `q(token) − p(token)` for the tokens of the text.
  public var probabilityError: Double
  /// The reference's perplexity on the same tokens.
  public var referencePerplexity: Double
  /// Tokens that were compared.
  public var tokens: Int
  /// How often divergences occur.
  public var histogram: DivergenceHistogram
}

/// Counts of tokens by divergence.
public struct DivergenceHistogram: Sendable, Equatable {
  /// Rising bounds, one more than there are counts: bin `i` holds divergences from `edges[i]` up to below `edges[i + 1]`. The
  /// first bound is 0; the bins between are equally wide in the logarithm; whatever exceeds the last bound counts in the last bin.
  public var edges: [Double]
  /// Tokens in each bin.
  public var counts: [Int]
}

extension DivergenceRecord {
  /// The part of the document.
  var json: JSONValue {
    var fields = RecordFields()
    fields.add("reference", reference)
    fields.add("mean", mean)
    fields.add("mean_stderr", meanStandardError)
    fields.add("median", median)
    for quantile in quantiles where quantile.name != "p50" { fields.add(quantile.name, quantile.value) }
    fields.add("max", max)
    fields.add("top1_agreement", topAgreement)
    fields.add("probability_rms_error", probabilityError)
    fields.add("reference_perplexity", referencePerplexity)
    fields.add("tokens", tokens)
    fields.add(
      "histogram",
      .object([
        ("edges", .array(histogram.edges.map(JSONValue.number))),
        ("counts", .array(histogram.counts.map(JSONValue.integer))),
      ]))
    return fields.object
  }

  init(_ reader: RecordReader) throws {
    reference = reader.optionalText("reference") ?? ""
    mean = try reader.number("mean")
    meanStandardError = reader.optionalNumber("mean_stderr") ?? .nan
    median = try reader.number("median")
    quantiles = try Quantile.read(reader)
    max = reader.optionalNumber("max") ?? .nan
    topAgreement = try reader.number("top1_agreement")
    probabilityError = reader.optionalNumber("probability_rms_error") ?? .nan
    referencePerplexity = reader.optionalNumber("reference_perplexity") ?? .nan
    tokens = reader.optionalInteger("tokens") ?? 0
    histogram = DivergenceHistogram(edges: [], counts: [])
    if let part = try reader.part("histogram") {
      histogram = DivergenceHistogram(edges: try part.numbers("edges"), counts: try part.integers("counts"))
      guard histogram.edges.count == histogram.counts.count + 1 else {
        throw EvaluationError(.badRecord, "\"kl.histogram\" of an evaluation record needs one more edge than counts")
      }
    }
  }
}
