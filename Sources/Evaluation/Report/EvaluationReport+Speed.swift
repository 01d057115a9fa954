extension EvaluationReport {
  /// Speeds, where results of `vptq bench` are among the results.
  func addSpeeds(_ page: inout ReportPage) {
    let entries = models.flatMap { model in model.speeds.map { (name: model.label, speed: $0) } }
    guard !entries.isEmpty else { return }
    page.section(
      "Speed and memory",
      [
        "Tokens of all sequences per second, mean and standard deviation over repetitions. Compare only what ran on one machine."
      ])
    page.table(
      ReportTable(
        columns: ["Model", "Threads", "Load, s", "First token, s", "Peak memory"],
        rows: entries.map { name, speed in
          [
            name, speed.threads.map { "\($0)" } ?? "–", speed.loadSeconds.map { NumberText.fixed($0, 3) } ?? "–",
            speed.firstTokenSeconds.map { NumberText.fixed($0, 3) } ?? "–",
            speed.peakMemoryBytes.map { NumberText.bytes(Double($0)) } ?? "–",
          ]
        }),
      title: "Loading and memory",
      caption: "The first token counts from the start of loading, for a prompt of one token.")
    let tests = entries.flatMap { entry in
      entry.speed.rows.map {
        Test(test: $0.test, batch: $0.batch, context: $0.context, tokens: $0.tokens, threads: entry.speed.threads)
      }
    }.uniqued()
    for test in tests { add(&page, test, entries) }
  }

  /// What makes speeds comparable.
  private struct Test: Hashable {
    let test: String
    let batch: Int
    let context: Int
    let tokens: Int
    let threads: Int?

    var title: String {
      (test == "decode"
        ? "Decoding \(tokens) tokens" : test == "prompt" ? "A prompt of \(tokens) tokens" : "\(test), \(tokens) tokens")
        + (batch > 1 ? ", \(batch) sequences together" : "")
        + (context > 0 ? ", after \(context) tokens of context" : "")
        + (threads.map { ", \($0) \($0 == 1 ? "thread" : "threads")" } ?? "")
    }
  }

  private func add(_ page: inout ReportPage, _ test: Test, _ entries: [(name: String, speed: SpeedRecord)]) {
    let rows = entries.compactMap { entry -> (name: String, row: SpeedRecord.Row)? in
      guard entry.speed.threads == test.threads else { return nil }
      return entry.speed.rows.first {
        $0.test == test.test && $0.batch == test.batch && $0.context == test.context && $0.tokens == test.tokens
      }.map { (entry.name, $0) }
    }
    func text(_ row: SpeedRecord.Row) -> String {
      NumberText.rate(row.tokensPerSecond, row.deviation)
    }
    page.figure(
      BarChart(
        bars: rows.map { BarChart.Bar(name: $0.name, value: $0.row.tokensPerSecond, text: text($0.row)) },
        axisTitle: "tokens per second (higher is better)"),
      title: test.title, caption: "",
      table: ReportTable(
        columns: ["Model", "Tokens/s", "±"],
        rows: rows.map {
          [$0.name, NumberText.fixed($0.row.tokensPerSecond, 2), NumberText.fixed($0.row.deviation, 2)]
        }))
  }
}
