import Foundation

extension EvaluationReport {
  /// Loss by position in the window, a figure for each text.
  func addPositions(_ page: inout ReportPage) {
    let keys = perplexityKeys.filter { key in
      models.contains { ($0.perplexity(key)?.lossByPosition.count ?? 0) > 1 }
    }
    guard !keys.isEmpty else { return }
    page.section(
      "Loss by position",
      [
        "The first tokens of a window have little before them to be told from. A model that uses its context gets better "
          + "along the window; one that is damaged there gets worse again."
      ])
    for key in keys {
      let series = models.compactMap { model -> (name: String, buckets: [PerplexityRecord.PositionBucket])? in
        guard let buckets = model.perplexity(key)?.lossByPosition, buckets.count > 1 else { return nil }
        return (model.label, buckets)
      }
      let buckets = series.first?.buckets ?? []
      page.figure(
        LineChart(
          series: series.map { entry in
            .init(name: entry.name, points: entry.buckets.map { (Self.middle($0), $0.meanLoss) })
          },
          xTitle: "position in the window (logarithmic)", yTitle: "mean loss, nats", isXLogarithmic: true,
          hint: { "\($0.name), about position \(Int($1)): \(NumberText.fixed($2, 3))" }),
        title: "Loss by position, \(name(key))",
        caption: "Mean negative log-probability of the tokens at these positions, natural logarithm.",
        table: ReportTable(
          columns: ["Positions", "Tokens"] + series.map(\.name),
          rows: buckets.enumerated().map { index, bucket in
            [
              bucket.first == bucket.last ? "\(bucket.first)" : "\(bucket.first)–\(bucket.last)",
              NumberText.whole(bucket.count),
            ]
              + series.map { index < $0.buckets.count ? NumberText.fixed($0.buckets[index].meanLoss, 3) : "–" }
          }))
    }
  }

  /// The middle of a bucket on a logarithmic axis.
  private static func middle(_ bucket: PerplexityRecord.PositionBucket) -> Double {
    (Double(max(1, bucket.first)) * Double(max(1, bucket.last))).squareRoot()
  }

  /// How losses of single tokens are spread.
  func addQuantiles(_ page: inout ReportPage) {
    for key in perplexityKeys {
      let series = models.compactMap { model -> (name: String, quantiles: [Quantile])? in
        guard let quantiles = model.perplexity(key)?.lossQuantiles, quantiles.count > 1 else { return nil }
        return (model.label, quantiles.sorted { $0.share < $1.share })
      }
      guard let first = series.first else { continue }
      let names = first.quantiles.map(\.name)
      page.figure(
        LineChart(
          series: series.map { entry in
            .init(name: entry.name, points: entry.quantiles.map { ($0.value, $0.share * 100) })
          },
          xTitle: "loss of a token, nats", yTitle: "% of the tokens with at most this loss", isYFromZero: true,
          hint: { "\($0.name), \(NumberText.significant($2, 4)) % of the tokens: at most \(NumberText.fixed($1, 3))" }),
        title: "Losses of single tokens, \(name(key))",
        caption:
          "A line further to the left is better. 0.69 nats are a probability of one half.",
        table: ReportTable(
          columns: ["Model"] + names,
          rows: series.map { entry in
            [entry.name]
              + names.map { name in
                entry.quantiles.first { $0.name == name }.map { NumberText.fixed($0.value, 3) } ?? "–"
              }
          }))
    }
  }

  /// How far next-token probabilities are from those of a reference model.
  func addDivergences(_ page: inout ReportPage) {
    let entries = models.flatMap { model in
      model.divergences.map { (name: model.label, record: $0) }
    }
    guard !entries.isEmpty else { return }
    let references = Set(entries.map { ModelName.short($0.record.reference) }).sorted()
    page.section(
      "Divergence from \(references.count == 1 ? references[0] : "the references")",
      [
        "For every token of the text, how far the model's probabilities of the next token are from those of the reference: "
          + "KL(reference ‖ model), in nats. 0 means equal."
      ])
    let tokens = Set(entries.map(\.record.tokens))
    let showsReference = references.count > 1
    page.table(
      ReportTable(
        columns: ["Model"] + (showsReference ? ["Reference"] : [])
          + ["Mean", "± s.e.", "Median", "90\u{a0}%", "99\u{a0}%", "Largest", "Same top token"]
          + (tokens.count > 1 ? ["Tokens"] : []),
        rows: entries.map { name, record in
          func quantile(_ name: String) -> String {
            record.quantiles.first { $0.name == name }.map { NumberText.significant($0.value) } ?? "–"
          }
          return [name] + (showsReference ? [ModelName.short(record.reference)] : [])
            + [
              NumberText.significant(record.mean), NumberText.significant(record.meanStandardError, 2),
              NumberText.significant(record.median), quantile("p90"), quantile("p99"),
              NumberText.significant(record.max), NumberText.percent(record.topAgreement),
            ] + (tokens.count > 1 ? [NumberText.whole(record.tokens)] : [])
        }, textColumns: showsReference ? [1] : []),
      title: "Divergences",
      caption: "The standard error takes tokens as independent. Same top token: both find the same token most likely."
        + (tokens.count == 1 ? " \(NumberText.whole(tokens.first ?? 0)) tokens were compared." : ""))
    addHistogram(&page, entries.filter { $0.record.histogram.counts.contains { $0 > 0 } })
  }

  private func addHistogram(_ page: inout ReportPage, _ entries: [(name: String, record: DivergenceRecord)]) {
    guard !entries.isEmpty else { return }
    let title = "How often divergences occur"
    let caption = "Divergence of single tokens; bins are equally wide in its logarithm, the first one begins at 0."
    let shares = entries.map { entry in
      let total = Double(max(1, entry.record.histogram.counts.reduce(0, +)))
      return entry.record.histogram.counts.map { Double($0) / total * 100 }
    }
    let table = ReportTable(
      columns: ["From", "To below"] + entries.map { "\($0.name), % of tokens" },
      rows: entries[0].record.histogram.counts.indices.map { bin in
        let edges = entries[0].record.histogram.edges
        return [NumberText.significant(edges[bin], 2), NumberText.significant(edges[bin + 1], 2)]
          + shares.map { bin < $0.count ? NumberText.fixed($0[bin], 2) : "–" }
      })
    if entries.count == 1 {
      let edges = entries[0].record.histogram.edges
      page.figure(
        HistogramChart(
          bins: edges.dropLast().map { NumberText.significant($0, 1) },
          series: [.init(name: entries[0].name, values: shares[0])],
          xTitle: "KL divergence of a token, nats (lower end of the bin)", yTitle: "% of the tokens",
          hint: {
            "\(NumberText.significant(edges[$1], 2)) to \(NumberText.significant(edges[$1 + 1], 2)): "
              + "\(NumberText.fixed($0.values[$1], 2)) %"
          }), title: title, caption: caption, table: table)
    } else {
      page.figure(
        LineChart(
          series: zip(entries, shares).map { entry, shares in
            let edges = entry.record.histogram.edges
            return .init(
              name: entry.name,
              points: shares.indices.map { bin in
                (edges[bin] > 0 ? (edges[bin] * edges[bin + 1]).squareRoot() : edges[bin + 1] / 2, shares[bin])
              })
          }, xTitle: "KL divergence of a token, nats (logarithmic)", yTitle: "% of the tokens", isXLogarithmic: true,
          isYFromZero: true,
          hint: { "\($0.name), about \(NumberText.significant($1, 2)): \(NumberText.fixed($2, 2)) %" }),
        title: title, caption: caption, table: table)
    }
  }
}
