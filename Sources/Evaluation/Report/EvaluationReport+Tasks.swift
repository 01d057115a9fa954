extension EvaluationReport {
  /// Accuracies of zero-shot tasks with their standard errors.
  func addTasks(_ page: inout ReportPage) {
    var names: [String] = []
    for name in models.flatMap({ $0.tasks.map(\.name) }) where !names.contains(name) { names.append(name) }
    guard !names.isEmpty else { return }
    let with = models.filter { !$0.tasks.isEmpty }
    page.section(
      "Tasks",
      [
        "The share of items that are answered rightly without examples. The normalised accuracy divides the log-likelihood "
          + "of a choice by its length in bytes; it is the usual figure where a task has one. Bars and ± are one standard "
          + "error: two models that differ by less than about twice that are not told apart."
      ])
    page.figure(
      DotChart(
        rows: names,
        series: with.map { model in
          .init(
            name: model.label,
            dots: names.map { name in
              model.tasks.first { $0.name == name }.map { task in
                let (value, error) = Self.usual(task)
                return .init(value: value * 100, error: error.map { $0 * 100 }, text: Self.text(value, error))
              }
            })
        }, axisTitle: "accuracy, % (normalised where the task has it)", tickLabel: { NumberText.fixed($0, $1) }),
      title: "Accuracy by task", caption: "Marks are accuracies, bars one standard error to both sides.",
      table: table(with, names))
    if models.count == 1 { page.table(table(with, names), title: "Tasks", caption: "") }
    addParts(&page, with)
  }

  private func table(_ models: [ReportedModel], _ names: [String]) -> ReportTable {
    ReportTable(
      columns: ["Task"] + (models.count > 1 ? ["Model"] : [])
        + ["Accuracy, %", "± s.e.", "Normalised, %", "± s.e.", "Items"],
      rows: names.flatMap { name in
        models.compactMap { model in
          model.tasks.first { $0.name == name }.map { task in
            [name] + (models.count > 1 ? [model.label] : [])
              + [
                NumberText.fixed(task.accuracy * 100, 2), NumberText.fixed(task.standardError * 100, 2),
                task.accuracyNormalized.map { NumberText.fixed($0 * 100, 2) } ?? "–",
                task.standardErrorNormalized.map { NumberText.fixed($0 * 100, 2) } ?? "–",
                NumberText.whole(task.count),
              ]
          }
        }
      }, textColumns: models.count > 1 ? [1] : [])
  }

  /// Subjects of tasks that have them.
  private func addParts(_ page: inout ReportPage, _ models: [ReportedModel]) {
    for task in models.flatMap(\.tasks).filter({ !$0.parts.isEmpty }).map(\.name).uniqued() {
      let parts = models.flatMap { $0.tasks.first { $0.name == task }?.parts ?? [] }.map(\.name).uniqued()
      page.details(
        ReportTable(
          columns: ["Part"] + models.map(\.label) + ["Items"],
          rows: parts.map { part in
            let records = models.map { $0.tasks.first { $0.name == task }?.parts.first { $0.name == part } }
            return [part]
              + records.map { $0.map { Self.text($0.accuracy, $0.standardError) } ?? "–" }
              + [records.compactMap { $0 }.first.map { NumberText.whole($0.count) } ?? "–"]
          }), title: "Parts of \(task)")
    }
  }

  /// The figure that a task is usually told by, and its standard error.
  private static func usual(_ task: TaskRecord) -> (value: Double, error: Double?) {
    if let normalized = task.accuracyNormalized { return (normalized, task.standardErrorNormalized) }
    return (task.accuracy, task.standardError)
  }

  private static func text(_ value: Double, _ error: Double?) -> String {
    NumberText.fixed(value * 100, 1) + (error.map { " ± \(NumberText.fixed($0 * 100, 1))" } ?? "") + "\u{a0}%"
  }
}

extension Array where Element: Hashable {
  /// Every element once, where it first stands.
  func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
