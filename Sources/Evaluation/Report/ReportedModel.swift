import Foundation
import JSONReader

/// Everything that several results tell about one model.
package struct ReportedModel: Sendable {
  /// What the user called the model, or the name given to it for the report.
  package let model: String
  /// Its name in tables and charts.
  package var label: String
  /// Bytes of the weight files.
  package private(set) var fileBytes: Int?
  /// Stored bits per weight of the matrices of the blocks.
  package private(set) var bitsPerWeight: Double?
  /// Weights of everything.
  package private(set) var parameters: Int?
  /// One for each text or way of measuring.
  package private(set) var perplexities: [PerplexityRecord] = []
  /// One for each reference and text.
  package private(set) var divergences: [DivergenceRecord] = []
  /// By task.
  package private(set) var tasks: [TaskRecord] = []
  /// One for each number of threads.
  package private(set) var speeds: [SpeedRecord] = []

  private init(model: String) {
    self.model = model
    label = model
  }

  /// One model for every name, from results in any order; what is told twice counts as told last.
  package static func merged(_ results: [ReportedResult]) -> [ReportedModel] {
    var models: [ReportedModel] = []
    for result in results {
      let index: Int
      if let known = models.firstIndex(where: { $0.model.utf8.elementsEqual(result.name.utf8) }) {
        index = known
      } else {
        models.append(ReportedModel(model: result.name))
        index = models.count - 1
      }
      models[index].take(result.content)
    }
    for (index, label) in ModelName.distinct(models.map(\.model)).enumerated() { models[index].label = label }
    return models
  }

  private mutating func take(_ content: ReportedResult.Content) {
    switch content {
    case .evaluation(let record):
      fileBytes = record.fileBytes ?? fileBytes
      bitsPerWeight = record.bitsPerWeight ?? bitsPerWeight
      parameters = record.parameters ?? parameters
      if let perplexity = record.perplexity {
        perplexities.removeAll { PerplexityKey($0) == PerplexityKey(perplexity) }
        perplexities.append(perplexity)
      }
      if let divergence = record.divergence {
        divergences.removeAll { $0.reference == divergence.reference && $0.tokens == divergence.tokens }
        divergences.append(divergence)
      }
      for task in record.tasks {
        tasks.removeAll { $0.name == task.name }
        tasks.append(task)
      }
    case .speed(let speed):
      fileBytes = fileBytes ?? speed.fileBytes
      bitsPerWeight = bitsPerWeight ?? speed.bitsPerWeight
      if let index = speeds.firstIndex(where: { $0.threads == speed.threads }) {
        speeds[index].take(speed)
      } else {
        speeds.append(speed)
      }
    }
  }

  /// The perplexity measured in one way.
  func perplexity(_ key: PerplexityKey) -> PerplexityRecord? { perplexities.first { PerplexityKey($0) == key } }
}

/// One file of results.
package struct ReportedResult: Sendable {
  /// What it tells of.
  package enum Content: Sendable {
    case evaluation(EvaluationRecord)
    case speed(SpeedRecord)
  }

  /// The model's name.
  package let name: String
  /// What was measured.
  package let content: Content

  /// A result of this run; `name` stands for the record's own.
  package init(_ record: EvaluationRecord, name: String? = nil) {
    self.name = name ?? record.model
    content = .evaluation(record)
  }

  /// Reads a file of `vptq evaluate --save`, `vptq evaluate --json`, `vptq bench --save` or `vptq bench --json`.
  ///
  /// - Throws: `EvaluationError` (`missingFile`, `badRecord`) naming the file.
  package init(file path: String, name: String? = nil) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError(.missingFile, "cannot read the result \(path)")
    }
    do {
      let json = try JSONValue.parse([UInt8](data))
      if SpeedRecord.isSpeed(json) {
        let speed = try SpeedRecord(json)
        self.name = name ?? speed.model
        content = .speed(speed)
      } else {
        let record = try EvaluationRecord(json)
        self.name = name ?? record.model
        content = .evaluation(record)
      }
    } catch let error as JSONError {
      throw EvaluationError(.badRecord, "\(path) is \(error)")
    } catch let error as EvaluationError {
      throw EvaluationError(error.code, "\(path): \(error.message)")
    }
  }
}

/// What perplexities must have in common to be compared.
struct PerplexityKey: Hashable, Sendable {
  let text: String
  let context: Int
  let stride: Int
  let bos: Bool
  let windows: Int
  let tokens: Int

  init(_ record: PerplexityRecord) {
    text = record.text.split(separator: "/").last.map(String.init) ?? record.text
    (context, stride, bos) = (record.context, record.stride, record.bos)
    (windows, tokens) = (record.windows, record.tokens)
  }

  /// The way of measuring in words.
  var words: String {
    "\(NumberText.whole(tokens)) tokens in \(NumberText.whole(windows)) \(windows == 1 ? "window" : "windows") of "
      + "\(NumberText.whole(context))"
      + (stride == context ? ", no overlap" : ", a new one every \(NumberText.whole(stride)) tokens")
      + (bos ? ", a begin token before each" : ", no begin token")
  }
}
