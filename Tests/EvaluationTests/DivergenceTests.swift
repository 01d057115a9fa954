import Foundation
import JSONReader
import LanguageModels
import TestSupport
import Testing

@testable import Evaluation

@Suite("Divergence from a reference")
struct DivergenceTests {
  /// Logits and what torch says of them, recorded by Scripts/record_divergence.py.
  struct Recorded {
    let json: JSONValue

    init() throws {
      let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/divergence/rows.json")
      json = try JSONValue.parse([UInt8](Data(contentsOf: url)))
    }

    func number(_ key: String) -> Double { json[key]?.doubleValue ?? .nan }
    func numbers(_ key: String) -> [Double] { json[key]?.arrayValue?.compactMap(\.doubleValue) ?? [] }
    var ids: [Int] { json["ids"]?.arrayValue?.compactMap(\.intValue) ?? [] }

    func model(_ key: String) throws -> FixedModel {
      try FixedModel(
        rows: (json[key]?.arrayValue ?? []).map { ($0.arrayValue ?? []).compactMap { $0.doubleValue.map(Float.init) } })
    }
  }

  private func check(_ result: PerplexityResult, _ recorded: Recorded, tolerance: Double) throws {
    let record = try #require(result.divergence(reference: "r"))
    #expect(abs(result.value / recorded.number("perplexity") - 1) < 1e-5)
    #expect(abs(record.mean - recorded.number("mean")) < tolerance)
    #expect(abs(record.meanStandardError - recorded.number("stderr")) < tolerance)
    #expect(abs(record.median - recorded.number("median")) < tolerance)
    #expect(abs((record.quantiles.first { $0.name == "p90" }?.value ?? .nan) - recorded.number("p90")) < tolerance)
    #expect(abs(record.max - recorded.number("max")) < tolerance)
    #expect(record.topAgreement == recorded.number("top1_agreement"))
    #expect(abs(record.referencePerplexity / recorded.number("reference_perplexity") - 1) < 1e-5)
    #expect(abs(record.probabilityError - recorded.number("probability_rms_error")) < 1e-6)
    #expect(record.tokens == 24)
    #expect(record.histogram.counts.reduce(0, +) == 24)
  }

  @Test("Divergence, agreement and quantiles are those of torch", arguments: [1, 5, 128])
  func beside(tokensPerPass: Int) throws {
    let recorded = try Recorded()
    var comparison = LogitsComparison()
    comparison.reference = .model(try recorded.model("reference"), fingerprint: "r")
    var measurement = Perplexity(context: 25)
    measurement.tokensPerPass = tokensPerPass
    let result = try measurement.measure(try recorded.model("model"), on: recorded.ids, comparison: comparison)
    try check(result, recorded, tolerance: 1e-5)
    for (loss, expected) in zip(result.losses, recorded.numbers("losses")) {
      #expect(abs(Double(loss) - expected) < 1e-4)
    }
  }

  @Test("Stored logits give the same up to their rounding")
  func stored() throws {
    let recorded = try Recorded()
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("r.logits").path
    var store = LogitsComparison()
    store.storePath = path
    store.model = "the reference"
    _ = try Perplexity(context: 25).measure(try recorded.model("reference"), on: recorded.ids, comparison: store)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["r.logits"])
    #expect(try LogitsComparison.name(ofStored: path) == "the reference")
    var comparison = LogitsComparison()
    comparison.reference = .file(path)
    let result = try Perplexity(context: 25).measure(
      try recorded.model("model"), on: recorded.ids, comparison: comparison)
    // Tails of up to a thousandth count as one token, and log-probabilities have 16 bits.
    try check(result, recorded, tolerance: 2e-3)
  }

  @Test("Stored logits of another text, context or stride are refused, and damaged files named")
  func refused() throws {
    let recorded = try Recorded()
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("r.logits").path
    var store = LogitsComparison()
    store.storePath = path
    let model = try recorded.model("reference")
    _ = try Perplexity(context: 8).measure(model, on: recorded.ids, comparison: store)
    var comparison = LogitsComparison()
    comparison.reference = .file(path)
    for (measurement, ids, part) in [
      (Perplexity(context: 8), Array(recorded.ids.dropLast()), "text"),
      (Perplexity(context: 6), recorded.ids, "of windows of 8"),
      (Perplexity(context: 8, stride: 4), recorded.ids, "stride"),
      (Perplexity(context: 8, beginTokenID: 1), recorded.ids, "begin token"),
    ] {
      #expect { try measurement.measure(model, on: ids, comparison: comparison) } throws: {
        // Context, stride and begin token are part of the text's digest too: the first that differs is named.
        ($0 as? EvaluationError)?.code == .mismatch && "\($0)".contains(part)
      }
    }
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for length in stride(from: 0, to: whole.count, by: 13) {
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      #expect { try Perplexity(context: 8).measure(model, on: recorded.ids, comparison: comparison) } throws: {
        ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("r.logits")
      }
    }
  }

  @Test("Logits of an interrupted run are taken up again, byte for byte")
  func resumedStore() throws {
    let recorded = try Recorded()
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try recorded.model("reference")
    var store = LogitsComparison()
    store.storePath = folder.path + "/whole"
    _ = try Perplexity(context: 5).measure(model, on: recorded.ids, comparison: store)
    store.storePath = folder.path + "/parts"
    var calls = 0
    #expect(throws: CancellationError.self) {
      _ = try Perplexity(context: 5).measure(
        model, on: recorded.ids, comparison: store, checkpoint: try EvaluationCheckpoint(path: folder.path + "/c"),
        isCancelled: {
          calls += 1
          return calls > 2
        })
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/parts"))
    _ = try Perplexity(context: 5).measure(
      model, on: recorded.ids, comparison: store, checkpoint: try EvaluationCheckpoint(path: folder.path + "/c"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: folder.path + "/parts"))
        == Data(contentsOf: URL(fileURLWithPath: folder.path + "/whole")))
  }

  @Test("Logits that are no numbers end with an error, not with the program")
  func notFinite() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for value in [Float.nan, .infinity] {
      let model = try FixedModel(rows: [[0, 1, value, 2], [0, 0, 0, 0], [-.infinity, 0, 1, -.infinity]])
      var comparison = LogitsComparison()
      comparison.storePath = folder.path + "/l"
      comparison.reference = .model(model, fingerprint: "")
      #expect { try Perplexity(context: 4).measure(model, on: [0, 1, 2, 1], comparison: comparison) } throws: {
        ($0 as? EvaluationError)?.code == .notFinite
      }
    }
  }

  @Test("What the compact form leaves out is bounded: 20000 tokens, a flat tail")
  func compact() {
    var random = SplitMix(state: 5)
    func row() -> [Float] { (0..<20000).map { _ in Float(random.next(100_000)) / 100_000 * 12 } }
    let (p, noise) = (row(), row())
    let q = zip(p, noise).map { $0 + ($1 - 6) / 20 }
    let stored = p.withUnsafeBufferPointer { CompactDistribution($0.baseAddress!, count: 20000, target: 7) }
    #expect(stored.tokens.count <= CompactDistribution.limit + 1)
    let shares = p.map { exp(Double($0)) }
    let total = shares.reduce(0, +)
    let others = q.map { exp(Double($0)) }
    let otherTotal = others.reduce(0, +)
    let exact = zip(shares, others).reduce(0.0) { $0 + $1.0 / total * log($1.0 / total / ($1.1 / otherTotal)) }
    let kept = Set(stored.tokens)
    let tail = shares.indices.reduce(0.0) { kept.contains(UInt32($1)) ? $0 : $0 + shares[$1] / total }
    #expect(abs(Double(stored.tail) - tail) < 1e-4)
    let compact = q.withUnsafeBufferPointer { stored.divergence(from: $0.baseAddress!, count: 20000).divergence }
    // Joining outcomes can only lower a divergence: by at most its share within the tail, here about tail · exact.
    #expect(compact < exact + 1e-4)
    #expect(compact > exact * (1 - 1.5 * tail) - 1e-4)
  }
}
