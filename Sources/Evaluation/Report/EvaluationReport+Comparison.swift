extension EvaluationReport {
  /// A measure of what models know that may be set against their size.
  private struct Measure {
    let title: String
    let axis: String
    let isLogarithmic: Bool
    let higherIsBetter: Bool
    let value: (ReportedModel) -> Double?
    let text: (Double) -> String
  }

  /// What models know against what they weigh.
  func addComparison(_ page: inout ReportPage) {
    guard models.count > 1 else { return }
    var measures = perplexityKeys.map { key in
      Measure(
        title: "Perplexity on \(name(key))", axis: "perplexity (lower is better)", isLogarithmic: true,
        higherIsBetter: false, value: { $0.perplexity(key)?.value }, text: { NumberText.fixed($0, 2) })
    }
    let tasks = commonTasks
    if !tasks.isEmpty {
      measures.append(
        Measure(
          title: "Mean accuracy of \(tasks.count) tasks", axis: "mean accuracy, % (higher is better)",
          isLogarithmic: false, higherIsBetter: true, value: { Self.meanAccuracy($0.tasks, tasks).map { $0 * 100 } },
          text: { NumberText.fixed($0, 1) + "\u{a0}%" }))
    }
    measures.append(
      Measure(
        title: "Divergence from the reference", axis: "mean KL divergence (lower is better)", isLogarithmic: true,
        higherIsBetter: false, value: { $0.divergences.first.flatMap { $0.mean > 0 ? $0.mean : nil } },
        text: { NumberText.significant($0) }))
    var hasSection = false
    for measure in measures {
      for (size, unit, value, text) in Self.sizes {
        let points = models.compactMap { model -> (model: ReportedModel, x: Double, y: Double)? in
          guard let x = value(model), let y = measure.value(model), x.isFinite, y.isFinite else { return nil }
          return (model, x, y)
        }
        guard points.count > 1 else { continue }
        if !hasSection {
          page.section(
            "Accuracy against size",
            [
              "Each point is a model. Those on the dashed line, with a round mark, are beaten by none: whatever is better "
                + "is larger."
            ])
          hasSection = true
        }
        add(&page, measure, points, size: size, unit: unit, sizeText: text)
      }
    }
  }

  /// The sizes that models are compared by.
  private static var sizes: [(String, String, (ReportedModel) -> Double?, (Double) -> String)] {
    [
      (
        "size of the weight files", "MB", { $0.fileBytes.map { Double($0) / 1e6 } },
        { NumberText.bytes($0 * 1e6) }
      ),
      (
        "bits per weight", "stored bits per weight of the matrices of the blocks", { $0.bitsPerWeight },
        { NumberText.fixed($0, 3) }
      ),
    ]
  }

  private func add(
    _ page: inout ReportPage, _ measure: Measure, _ points: [(model: ReportedModel, x: Double, y: Double)],
    size: String, unit: String, sizeText: (Double) -> String
  ) {
    let front = ParetoFront.contains(points.map { ($0.x, measure.higherIsBetter ? -$0.y : $0.y) })
    let chart = ScatterChart(
      points: zip(points, front).map { point, isOnFront in
        .init(
          name: point.model.label, x: point.x, y: point.y,
          text: "\(sizeText(point.x)), \(measure.text(point.y))", isOnFront: isOnFront)
      },
      xTitle: unit == "MB" ? "size of the weight files, MB" : unit, yTitle: measure.axis,
      isXLogarithmic: Self.isWide(points.map(\.x)),
      isYLogarithmic: measure.isLogarithmic && Self.isWide(points.map(\.y)))
    let scales = [chart.isXLogarithmic ? "size" : nil, chart.isYLogarithmic ? "the measure" : nil].compactMap { $0 }
    page.figure(
      chart, title: "\(measure.title) against \(size)",
      caption: (measure.higherIsBetter ? "The upper left is best." : "The lower left is best.")
        + (scales.isEmpty ? "" : " Logarithmic in \(scales.joined(separator: " and in "))."),
      table: ReportTable(
        columns: ["Model", size == "bits per weight" ? "Bits per weight" : "Size", measure.title, "On the front"],
        rows: zip(points, front).map { point, isOnFront in
          [point.model.label, sizeText(point.x), measure.text(point.y), isOnFront ? "yes" : ""]
        }, textColumns: [3]))
  }

  /// Whether values span so much that equal distances should mean equal ratios.
  private static func isWide(_ values: [Double]) -> Bool {
    guard let low = values.min(), let high = values.max(), low > 0 else { return false }
    return high / low > 2.5
  }
}
