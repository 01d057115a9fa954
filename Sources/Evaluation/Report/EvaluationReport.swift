import Foundation

/// The page of `vptq evaluate --report` and `vptq report`: what one or several models know, beside what they weigh.
package struct EvaluationReport: Sendable {
  let models: [ReportedModel]
  private let title: String

  /// A report of the results of some models; `title` is made of their names unless given.
  package init(_ results: [ReportedResult], title: String? = nil) {
    models = ReportedModel.merged(results)
    self.title = title ?? (models.count == 1 ? models[0].label : "Comparison of \(models.count) models")
  }

  /// The finished page.
  package var file: ReportFile {
    let names = models.map(\.label)
    var page = ReportPage(
      title: title,
      subtitle: models.count == 1 ? "What the model knows, measured." : names.joined(separator: ", "))
    addSummary(&page)
    addComparison(&page)
    addTasks(&page)
    addPositions(&page)
    addQuantiles(&page)
    addDivergences(&page)
    addSpeeds(&page)
    return ReportFile(html: page.html)
  }

  /// Every way in which some perplexity was measured, in the order of the results.
  var perplexityKeys: [PerplexityKey] {
    var keys: [PerplexityKey] = []
    for key in models.flatMap({ $0.perplexities.map(PerplexityKey.init) }) where !keys.contains(key) {
      keys.append(key)
    }
    return keys
  }

  /// The name of a perplexity's column; the way of measuring only where the text alone does not tell it.
  func name(_ key: PerplexityKey) -> String {
    let isClear = perplexityKeys.filter { $0.text == key.text }.count == 1
    let text = key.text.isEmpty ? "text" : key.text
    return isClear
      ? text
      : "\(text), \(key.windows) × \(key.context)" + (key.stride == key.context ? "" : " / \(key.stride)")
        + (key.bos ? ", BOS" : "")
  }

  // MARK: Summary

  private func addSummary(_ page: inout ReportPage) {
    if models.count == 1 { addFacts(&page, models[0]) } else { addTable(&page) }
    if !perplexityKeys.isEmpty {
      page.section("How perplexity was measured")
      for key in perplexityKeys {
        let record = models.compactMap { $0.perplexity(key) }.first
        var sentence =
          "\(name(key)): \(key.words), \(NumberText.whole(record?.droppedTokens ?? 0)) tokens of the text left out"
        if let words = record?.tokensPerWord, words.isFinite {
          sentence += "; \(NumberText.fixed(words, 3)) tokens a word"
        }
        page.paragraph(sentence + ".")
      }
      if models.count > 1 {
        page.paragraph(
          "Perplexities are compared only where text, windows and tokens are the same. Models with other tokenizers are "
            + "comparable by perplexity per word or bits per byte, not per token.")
      }
    }
  }

  private func addFacts(_ page: inout ReportPage, _ model: ReportedModel) {
    var facts: [(name: String, value: String)] = []
    if let bytes = model.fileBytes { facts.append(("Weight files", NumberText.bytes(Double(bytes)))) }
    if let bits = model.bitsPerWeight { facts.append(("Bits per weight", NumberText.fixed(bits, 3))) }
    if let parameters = model.parameters { facts.append(("Parameters", NumberText.count(Double(parameters)))) }
    for record in model.perplexities {
      let name = name(PerplexityKey(record))
      facts.append(("Perplexity, \(name)", NumberText.fixed(record.value, 2)))
      if record.wordPerplexity.isFinite {
        facts.append(("Per word, \(name)", NumberText.significant(record.wordPerplexity, 4)))
      }
      if record.textBytes > 0 { facts.append(("Bits per byte, \(name)", NumberText.fixed(record.bitsPerByte, 3))) }
    }
    for record in model.divergences {
      let reference = ModelName.short(record.reference)
      facts.append(("Mean KL divergence from \(reference)", NumberText.significant(record.mean)))
      facts.append(("Same most likely token as \(reference)", NumberText.percent(record.topAgreement)))
    }
    if let mean = Self.meanAccuracy(model.tasks, model.tasks.map(\.name)) {
      facts.append(("Mean accuracy of \(model.tasks.count) tasks", NumberText.percent(mean)))
    }
    page.facts(facts)
    page.paragraph("Measured on \(model.model).")
  }

  private func addTable(_ page: inout ReportPage) {
    let keys = perplexityKeys
    let tasks = commonTasks
    let hasDivergence = models.contains { !$0.divergences.isEmpty }
    var columns = ["Model", "Size", "Bits per weight"] + keys.map { "Perplexity, \(name($0))" }
    if hasDivergence { columns += ["Mean KL", "Same top token"] }
    if !tasks.isEmpty { columns.append("Mean of \(tasks.count) tasks") }
    let rows = models.map { model -> [String] in
      var row = [
        model.label, model.fileBytes.map { NumberText.bytes(Double($0)) } ?? "–",
        model.bitsPerWeight.map { NumberText.fixed($0, 3) } ?? "–",
      ]
      row += keys.map { key in model.perplexity(key).map { NumberText.fixed($0.value, 2) } ?? "–" }
      if hasDivergence {
        row.append(model.divergences.first.map { NumberText.significant($0.mean) } ?? "–")
        row.append(model.divergences.first.map { NumberText.percent($0.topAgreement) } ?? "–")
      }
      if !tasks.isEmpty { row.append(Self.meanAccuracy(model.tasks, tasks).map { NumberText.percent($0) } ?? "–") }
      return row
    }
    page.table(
      ReportTable(columns: columns, rows: rows), title: "All models",
      caption:
        "Size is that of the weight files; bits per weight count everything that is stored for the matrices of the "
        + "blocks, without embedding and head."
        + (hasDivergence ? " KL is the divergence of the next-token probabilities from those of the reference." : ""))
  }

  // MARK: Shared

  /// Tasks that all models with tasks have in common.
  var commonTasks: [String] {
    let with = models.filter { !$0.tasks.isEmpty }
    guard let first = with.first else { return [] }
    return first.tasks.map(\.name).filter { name in with.allSatisfy { $0.tasks.contains { $0.name == name } } }
  }

  /// The mean of the accuracies of some tasks, length-normalised where that is told; nil if one is missing.
  static func meanAccuracy(_ tasks: [TaskRecord], _ names: [String]) -> Double? {
    let values = names.compactMap { name in tasks.first { $0.name == name }.map { $0.accuracyNormalized ?? $0.accuracy }
    }
    guard !names.isEmpty, values.count == names.count else { return nil }
    return values.reduce(0, +) / Double(values.count)
  }
}
