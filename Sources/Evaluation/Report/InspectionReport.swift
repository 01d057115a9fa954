import Foundation
import LanguageModels

/// The page of `vptq inspect --report`: what a model is made of, where its bits went and how its codebooks are used.
package struct InspectionReport: Sendable {
  private let anatomy: ModelAnatomy
  private let name: String
  let grid: MatrixGrid

  /// A report of what was read; `name` is what the user called the model.
  package init(_ anatomy: ModelAnatomy, name: String) {
    self.anatomy = anatomy
    self.name = ModelName.short(name)
    grid = MatrixGrid(anatomy.matrices)
  }

  /// The finished page.
  package var file: ReportFile {
    var page = ReportPage(title: name, subtitle: "What the model is made of, and where its bits went.")
    addFacts(&page)
    addBytes(&page)
    addBits(&page)
    addErrors(&page)
    addCodebooks(&page)
    addMatrices(&page)
    return ReportFile(html: page.html)
  }

  private var quantized: [ModelAnatomy.Matrix] { anatomy.matrices.filter { $0.mainUse != nil } }

  // MARK: What the model is

  private func addFacts(_ page: inout ReportPage) {
    let (c, inventory) = (anatomy.configuration, anatomy.inventory)
    var facts = [
      ("Architecture", c.architecture), ("Parameters", NumberText.count(Double(inventory.parameters))),
      (
        "Vector-quantized",
        inventory.quantizedParameters == 0
          ? "none"
          : "\(NumberText.count(Double(inventory.quantizedParameters))) ("
            + NumberText.percent(Double(inventory.quantizedParameters) / Double(max(1, inventory.parameters)), 0) + ")"
      ),
      (
        inventory.quantizedParameters == 0 ? "Bits per weight, matrices of the blocks" : "Bits per quantized weight",
        NumberText.fixed(inventory.bitsPerWeight, 3)
      ),
      ("Weight files", NumberText.bytes(Double(anatomy.fileBytes))),
      (
        "Bits per parameter, whole file",
        NumberText.fixed(Double(anatomy.fileBytes) * 8 / Double(max(1, inventory.parameters)), 3)
      ),
      ("Blocks", "\(c.layerCount)"), ("Width", NumberText.whole(c.hiddenSize)),
      ("Heads (for keys and values)", "\(c.headCount) (\(c.keyValueHeadCount)) of \(c.headDimension)"),
      ("Vocabulary", NumberText.whole(c.vocabularySize) + (c.tiedEmbeddings ? ", head tied" : "")),
      ("Positions", NumberText.whole(c.maximumPositions)),
    ]
    if let experts = c.experts { facts.append(("Experts (per token)", "\(experts.count) (\(experts.perToken))")) }
    if let error = anatomy.matrices.meanError {
      facts.append(("Mean relative error", NumberText.significant(error)))
    }
    page.facts(facts.map { (name: $0.0, value: $0.1) })
    page.paragraph("Read from \(anatomy.path).")
    addForms(&page)
  }

  private func addForms(_ page: inout ReportPage) {
    var forms: [String: [ModelAnatomy.Matrix]] = [:]
    for matrix in anatomy.matrices { forms[matrix.form, default: []].append(matrix) }
    let weights = anatomy.matrices.reduce(0) { $0 + $1.weights }
    let rows = forms.sorted {
      ($1.value.reduce(0) { $0 + $1.weights }, $0.key) < ($0.value.reduce(0) { $0 + $1.weights }, $1.key)
    }
    .map { form, matrices in
      [
        form, NumberText.whole(matrices.count),
        NumberText.percent(Double(matrices.reduce(0) { $0 + $1.weights }) / Double(max(1, weights))),
        NumberText.fixed(matrices.bitsPerWeight, 3), matrices.meanError.map { NumberText.significant($0) } ?? "–",
      ]
    }
    page.table(
      ReportTable(
        columns: ["Shape", "Matrices", "Of their weights", "Bits per weight", "Mean relative error"], rows: rows),
      title: "Shapes of the matrices of the blocks",
      caption: quantized.isEmpty
        ? "Nothing here is vector-quantized; a shape is the type in which numbers are stored."
        : "v8-k256-64 means vectors of 8 outputs, 256 main and 64 residual centroids. Bits count everything that is stored."
    )
  }

  // MARK: Where the bytes go

  private func addBytes(_ page: inout ReportPage) {
    page.section("Where the bytes go")
    let parts = StoredPart.allCases.compactMap { part in anatomy.partBits[part].map { (part: part, bits: $0) } }
      .sorted { $0.bits > $1.bits }
    let total = Double(max(1, anatomy.fileBytes * 8))
    let bars = parts.map { entry in
      BarChart.Bar(
        name: entry.part.rawValue, value: Double(entry.bits) / 8,
        text: "\(NumberText.bytes(Double(entry.bits) / 8)), \(NumberText.percent(Double(entry.bits) / total))")
    }
    let inBlocks = anatomy.matrices.reduce(0) { $0 + $1.storedBits }
    page.figure(
      BarChart(bars: bars, axisTitle: "bytes of the weight files"), title: "Bytes by purpose",
      caption: "The matrices of the blocks take \(NumberText.bytes(Double(inBlocks) / 8)), "
        + "\(NumberText.percent(Double(inBlocks) / total, 0)) of the files. Parts add up to the files' length.",
      table: ReportTable(
        columns: ["Part", "Bytes", "Share"],
        rows: parts.map {
          [$0.part.rawValue, NumberText.whole(($0.bits + 7) / 8), NumberText.percent(Double($0.bits) / total, 2)]
        }))
  }

  // MARK: Bits

  private func addBits(_ page: inout ReportPage) {
    page.section("Bits")
    let bits = grid.values { $0.bitsPerWeight }
    page.figure(
      map(bits, "stored bits per weight") { NumberText.fixed($0, 2) }, title: "Bits by block and kind of matrix",
      caption:
        "Each cell is one matrix\(grid.hasExperts ? ", or all experts of a block" : ""); darker cells have more bits"
        + " (on a dark page, brighter ones).",
      table: cells(bits) { NumberText.fixed($0, 3) })
    let bars = grid.kinds.map { kind in
      BarChart.Bar(
        name: kind, value: grid.matrices(ofKind: kind).bitsPerWeight,
        text: NumberText.fixed(grid.matrices(ofKind: kind).bitsPerWeight, 3))
    }
    let weights = anatomy.matrices.reduce(0) { $0 + $1.weights }
    page.figure(
      BarChart(bars: bars, axisTitle: "stored bits per weight"), title: "Bits by kind of matrix",
      caption: "All blocks together: stored bits over weights.",
      table: ReportTable(
        columns: ["Kind", "Matrices", "Of all weights", "Bits per weight"],
        rows: grid.kinds.map { kind in
          let matrices = grid.matrices(ofKind: kind)
          return [
            kind, NumberText.whole(matrices.count),
            NumberText.percent(Double(matrices.reduce(0) { $0 + $1.weights }) / Double(max(1, weights))),
            NumberText.fixed(matrices.bitsPerWeight, 3),
          ]
        }))
  }

  // MARK: Errors

  private func addErrors(_ page: inout ReportPage) {
    page.section("Errors")
    guard anatomy.matrices.contains(where: { $0.relativeError != nil }) else {
      page.paragraph(
        quantized.isEmpty
          ? "The model is not quantized, so there is nothing to compare it with here."
          : "The folder has no quantization.json, where vptq quantize keeps the error of every matrix; `vptq evaluate` "
            + "measures what the whole model lost.")
      return
    }
    page.paragraph(
      "The relative error of a matrix is what is missing in its outputs on the calibration text, as a share of their "
        + "mean square: tr(E H Eᵀ) / tr(W H Wᵀ). 0.01 means one percent."
        + (anatomy.wasTuned
          ? " The model was tuned afterwards; these are the errors before that, and tuning may well have raised them "
            + "while it made the whole model better." : ""))
    let errors = grid.values { $0.meanError }
    var chart = map(errors, "relative error") { NumberText.significant($0, 2) }
    chart.isLogarithmic = true
    page.figure(
      chart, title: "Relative error by block and kind of matrix",
      caption: "Shades are even steps of the logarithm of the error.",
      table: cells(errors) { NumberText.significant($0) })
    let blocks = grid.blocks.map { (block: $0, matrices: grid.matrices(ofBlock: $0)) }
    page.figure(
      LineChart(
        series: [
          .init(name: "mean of the block", points: blocks.map { (Double($0.block), $0.matrices.meanError ?? .nan) }),
          .init(
            name: "worst matrix of the block",
            points: blocks.map { (Double($0.block), $0.matrices.compactMap(\.relativeError).max() ?? .nan) }),
        ], xTitle: "block", yTitle: "relative error", isYFromZero: true,
        hint: { "block \(Int($1)), \($0.name): \(NumberText.significant($2))" }),
      title: "Relative error by block", caption: "The mean over a block's matrices, and the largest of them.",
      table: ReportTable(
        columns: ["Block", "Bits per weight", "Mean error", "Largest error", "Where"],
        rows: blocks.map { block, matrices in
          let worst = matrices.max { ($0.relativeError ?? 0) < ($1.relativeError ?? 0) }
          return [
            "\(block)", NumberText.fixed(matrices.bitsPerWeight, 3),
            matrices.meanError.map { NumberText.significant($0) } ?? "–",
            worst?.relativeError.map { NumberText.significant($0) } ?? "–", worst?.kind ?? "–",
          ]
        }, textColumns: [4]))
    let kinds = grid.kinds.compactMap { kind in grid.matrices(ofKind: kind).meanError.map { (kind: kind, error: $0) } }
    page.figure(
      BarChart(
        bars: kinds.map { BarChart.Bar(name: $0.kind, value: $0.error, text: NumberText.significant($0.error)) },
        axisTitle: "mean relative error"),
      title: "Relative error by kind of matrix", caption: "The mean over all blocks.",
      table: ReportTable(
        columns: ["Kind", "Mean relative error"], rows: kinds.map { [$0.kind, NumberText.significant($0.error)] }))
    addSteps(&page)
  }

  /// What each step of the recipe gained.
  private func addSteps(_ page: inout ReportPage) {
    var order: [String] = []
    var errors: [String: [Double]] = [:]
    for step in anatomy.matrices.flatMap(\.steps) {
      if errors[step.name] == nil { order.append(step.name) }
      errors[step.name, default: []].append(step.relativeError)
    }
    guard order.count > 1 else { return }
    let means = order.map { name in
      (name: name, error: (errors[name] ?? []).reduce(0, +) / Double(max(1, errors[name]?.count ?? 0)))
    }
    page.figure(
      BarChart(
        bars: means.map {
          BarChart.Bar(name: "after: \($0.name)", value: $0.error, text: NumberText.significant($0.error))
        },
        axisTitle: "mean relative error"),
      title: "What each step of the quantization gained",
      caption: "The mean over all matrices of the least error so far, after each step of the recipe.",
      table: ReportTable(
        columns: ["After", "Mean relative error", "Of the first"],
        rows: means.map {
          [$0.name, NumberText.significant($0.error), NumberText.percent($0.error / max(means[0].error, 1e-300), 0)]
        }))
  }

  // MARK: Shared

  func map(_ values: [[Double?]], _ title: String, _ text: @escaping @Sendable (Double) -> String) -> HeatMap {
    HeatMap(
      rows: grid.kinds, columns: grid.blocks.map { "\($0)" }, values: values, columnTitle: "block", valueTitle: title,
      text: text)
  }

  /// A map as a table: a row for each block, a column for each kind.
  func cells(_ values: [[Double?]], _ text: (Double) -> String) -> ReportTable {
    ReportTable(
      columns: ["Block"] + grid.kinds,
      rows: grid.blocks.enumerated().map { index, block in
        ["\(block)"] + values.map { $0[index].map(text) ?? "–" }
      })
  }

  /// Everything about single matrices, at most a thousand rows.
  private func addMatrices(_ page: inout ReportPage) {
    guard anatomy.matrices.count <= 1000 else { return }
    page.section("Every matrix")
    page.details(
      ReportTable(
        columns: ["Matrix", "Shape", "Bits per weight", "Relative error", "Centroids used", "Entropy of codes, bits"],
        rows: anatomy.matrices.map { matrix in
          let uses = [matrix.mainUse, matrix.residualUse].compactMap { $0 }
          return [
            matrix.name, matrix.form, NumberText.fixed(Double(matrix.storedBits) / Double(max(1, matrix.weights)), 3),
            matrix.relativeError.map { NumberText.significant($0) } ?? "–",
            uses.isEmpty ? "–" : uses.map { "\($0.used)/\($0.centroids)" }.joined(separator: " + "),
            uses.isEmpty
              ? "–"
              : uses.map { "\(NumberText.fixed($0.entropyPerCode, 2))/\(NumberText.fixed($0.bitsPerCode, 0))" }.joined(
                separator: " + "),
          ]
        }, textColumns: [1]), title: "All \(anatomy.matrices.count) matrices")
  }
}

extension MatrixGrid {
  /// Whether some cell holds more than one matrix.
  var hasExperts: Bool { kinds.contains { kind in blocks.contains { matrices(kind, $0).count > 1 } } }
}
