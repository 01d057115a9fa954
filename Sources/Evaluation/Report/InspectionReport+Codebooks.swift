extension InspectionReport {
  /// How many centroids are used, and how often.
  func addCodebooks(_ page: inout ReportPage) {
    let matrices = grid.kinds.flatMap { grid.matrices(ofKind: $0) }.filter { $0.mainUse != nil }
    guard !matrices.isEmpty else { return }
    page.section(
      "Use of the codebooks",
      [
        "A code names a centroid. Where all centroids are named alike, a code holds as much information as it has bits; "
          + "where few are named often, less. The entropy is what a code really holds: the difference is what an entropy "
          + "coder could still save."
      ])
    let stages = [("main", matrices.mainUse), ("residual", matrices.residualUse)].filter { $0.1.codes > 0 }
    let weights = Double(max(1, matrices.reduce(0) { $0 + $1.weights }))
    let spare = stages.reduce(0) { $0 + Double($1.1.indexBits) - $1.1.entropyBits } / weights
    page.table(
      ReportTable(
        columns: ["Stage", "Centroids", "Used", "Codes", "Bits of a code", "Entropy, bits", "Entropy of the bits"],
        rows: stages.map { name, use in
          [
            name, NumberText.whole(use.centroids), NumberText.percent(use.usedShare, 2),
            NumberText.count(Double(use.codes)), NumberText.fixed(use.bitsPerCode, 2),
            NumberText.fixed(use.entropyPerCode, 2), NumberText.percent(use.efficiency),
          ]
        }),
      title: "Codebooks of all matrices together",
      caption: "An entropy coder could save at most \(NumberText.fixed(spare, 3)) bits per weight.")
    let series = stages.map { name, use in
      HistogramChart.Series(
        name: "\(name) centroids", values: use.histogram.map { Double($0) / Double(max(1, use.centroids)) * 100 })
    }
    page.figure(
      HistogramChart(
        bins: CodebookUse.binNames, series: series,
        xTitle: "how often a centroid is named, over the mean of its codebook", yTitle: "% of the centroids",
        hint: { "\($0.name), \(CodebookUse.binNames[$1]) of the mean: \(NumberText.fixed($0.values[$1], 2)) %" }),
      title: "How often centroids are used",
      caption: "The column at 1 counts centroids that are named once to twice as often as the mean, "
        + "the one at 0 those that no code names.",
      table: ReportTable(
        columns: ["Times the mean"] + stages.map { "\($0.0), centroids" } + stages.map { "\($0.0), share" },
        rows: CodebookUse.binNames.enumerated().map { bin, name in
          [name] + stages.map { NumberText.whole($0.1.histogram[bin]) }
            + series.map { NumberText.fixed($0.values[bin], 2) + "\u{a0}%" }
        }))
    for (name, use) in [("main", \ModelAnatomy.Matrix.mainUse), ("residual", \ModelAnatomy.Matrix.residualUse)] {
      addMap(&page, name) { $0.compactMap { $0[keyPath: use] }.reduce(CodebookUse(), +) }
    }
  }

  private func addMap(
    _ page: inout ReportPage, _ stage: String, _ use: @escaping ([ModelAnatomy.Matrix]) -> CodebookUse
  ) {
    let values = grid.values { matrices -> Double? in
      let use = use(matrices)
      return use.codes > 0 ? use.efficiency * 100 : nil
    }
    guard values.contains(where: { $0.contains { $0 != nil } }) else { return }
    page.figure(
      map(values, "entropy of \(stage) codes, % of their bits") { NumberText.fixed($0, 1) + "\u{a0}%" },
      title: "Information in \(stage) codes",
      caption: "100 % where all centroids are named alike.",
      table: ReportTable(
        columns: ["Kind", "Centroids", "Used", "Bits of a code", "Entropy, bits", "Entropy of the bits"],
        rows: grid.kinds.compactMap { kind in
          let use = use(grid.matrices(ofKind: kind))
          guard use.codes > 0 else { return nil }
          return [
            kind, NumberText.whole(use.centroids), NumberText.percent(use.usedShare, 2),
            NumberText.fixed(use.bitsPerCode, 2), NumberText.fixed(use.entropyPerCode, 2),
            NumberText.percent(use.efficiency),
          ]
        }))
  }
}
