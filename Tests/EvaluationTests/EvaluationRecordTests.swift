import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Evaluation

@Suite("Evaluation records")
struct EvaluationRecordTests {
  /// A document with every part, as `vptq evaluate --save` writes it.
  static let document = """
    {
      "model": "models/small", "name": "small", "architecture": "LlamaForCausalLM", "parameters": 1000,
      "bits_per_weight": 2.25, "file_bytes": 5000,
      "perplexity": {
        "value": 20.0855369231877, "mean_loss": 3.0, "tokens": 14, "windows": 2, "context": 8, "stride": 8, "bos": false,
        "dropped_tokens": 3, "text": "wikitext2", "text_tokens": 19, "text_words": 10, "text_bytes": 60,
        "tokens_per_word": 1.9, "word_perplexity": 298.8674, "bits_per_byte": 1.3706,
        "loss_by_position": [{"first": 1, "last": 3, "mean_loss": 3.5, "count": 6},
                             {"first": 4, "last": 7, "mean_loss": 2.625, "count": 8}],
        "loss_quantiles": {"p50": 2.5, "p99": 9.25}
      },
      "kl": {
        "reference": "models/large", "mean": 0.25, "mean_stderr": 0.03125, "median": 0.125, "p90": 0.5, "p99": 1.5,
        "p99.9": 2.5, "max": 3.0, "top1_agreement": 0.75, "probability_rms_error": 0.0625,
        "reference_perplexity": 17.5, "tokens": 14, "histogram": {"edges": [0, 0.1, 1], "counts": [6, 8]}
      },
      "tasks": {
        "arc_easy": {"accuracy": 0.5, "accuracy_normalized": 0.625, "stderr": 0.125, "stderr_normalized": 0.0625, "count": 8},
        "mmlu": {"accuracy": 0.25, "stderr": 0.125, "count": 4,
                 "parts": {"anatomy": {"accuracy": 0.25, "stderr": 0.25, "count": 4}}}
      },
      "of a later version": [1, 2]
    }
    """

  @Test("A record reads its document and writes it again")
  func roundTrip() throws {
    let record = try EvaluationRecord(JSONValue.parse(Array(Self.document.utf8)))
    #expect(record.name == "small")
    #expect(record.perplexity?.tokensPerWord == 1.9)
    // exp(3 · 1.9) and 3 / ln 2 · 19 / 60.
    #expect(abs((record.perplexity?.wordPerplexity ?? 0) - 298.8674) < 1e-4)
    #expect(abs((record.perplexity?.bitsPerByte ?? 0) - 1.3706) < 1e-4)
    #expect(record.divergence?.quantiles.map(\.name) == ["p90", "p99", "p99.9"])
    #expect(record.tasks.map(\.name) == ["arc_easy", "mmlu"])
    #expect(record.tasks.last?.parts.first?.name == "anatomy")
    #expect(try EvaluationRecord(record.json) == record)
  }

  @Test("A file that is written reads back; one that is missing or damaged is named")
  func files() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("a.json").path
    let record = try EvaluationRecord(JSONValue.parse(Array(Self.document.utf8)))
    try record.write(to: path)
    #expect(try EvaluationRecord(file: path) == record)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.json"])
    #expect { try EvaluationRecord(file: path + "x") } throws: {
      ($0 as? EvaluationError)?.code == .missingFile && "\($0)".contains("a.jsonx")
    }
    try Data(#"{"model": "m", "perplexity": {"value": 3}}"#.utf8).write(to: URL(fileURLWithPath: path))
    #expect { try EvaluationRecord(file: path) } throws: {
      ($0 as? EvaluationError)?.code == .badRecord && "\($0)".contains("perplexity.tokens")
    }
    #expect { try record.write(to: folder.path + "/none/a.json") } throws: {
      ($0 as? EvaluationError)?.code == .cannotWrite
    }
  }
}
