import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Evaluation

@Suite("Reports of evaluations")
struct EvaluationReportTests {
  /// Results of a model, with every part that a page may show.
  static func record(_ name: String, perplexity: Double, bytes: Int, tokens: Int = 14, text: String = "data/wiki.raw")
    -> String
  {
    """
    {"model": \(JSONValue.string(name).serialized()), "architecture": "LlamaForCausalLM", "parameters": 1000000,
     "bits_per_weight": 2.25, "file_bytes": \(bytes),
     "perplexity": {"value": \(perplexity), "tokens": \(tokens), "windows": 2, "context": 8, "stride": 8, "bos": false,
       "dropped_tokens": 3, "text": "\(text)", "text_tokens": 19, "text_words": 10, "text_bytes": 60,
       "loss_by_position": [{"first": 1, "last": 3, "mean_loss": 3.5, "count": 6},
                            {"first": 4, "last": 7, "mean_loss": 2.625, "count": 8}],
       "loss_quantiles": {"p50": 2.5, "p90": 4.5, "p99": 9.25}},
     "kl": {"reference": "models/large", "mean": 0.25, "mean_stderr": 0.03125, "median": 0.125, "p90": 0.5, "p99": 1.5,
       "max": 3.0, "top1_agreement": 0.75, "tokens": 14, "histogram": {"edges": [0, 0.1, 1], "counts": [6, 8]}},
     "tasks": {"arc_easy": {"accuracy": 0.5, "accuracy_normalized": 0.625, "stderr": 0.125,
                            "stderr_normalized": 0.0625, "count": 8},
               "mmlu": {"accuracy": 0.25, "stderr": 0.125, "count": 4,
                        "parts": {"anatomy": {"accuracy": 0.25, "stderr": 0.25, "count": 4}}}}}
    """
  }

  static let speed = """
    {"model": "q/small", "model_bytes": 5000000, "bits_per_weight": 2.25, "threads": 2,
     "results": [{"test": "decode", "batch": 4, "context": 1024, "tokens": 128, "mean_tokens_per_second": 150.25,
                  "stddev": 2.5, "repetitions": 5}],
     "load_seconds": 0.25, "time_to_first_token_seconds": 0.5, "peak_memory_bytes": 7000000}
    """

  private func results(_ documents: [String]) throws -> [ReportedResult] {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    return try documents.enumerated().map { index, document in
      let path = folder.appendingPathComponent("\(index).json").path
      try Data(document.utf8).write(to: URL(fileURLWithPath: path))
      return try ReportedResult(file: path)
    }
  }

  @Test("Results of one model are one model, told apart by text and windows")
  func merging() throws {
    let models = ReportedModel.merged(
      try results([
        Self.record("q/small", perplexity: 20, bytes: 5000000), Self.speed,
        Self.speed.replacing("150.25", with: "160.5"), Self.speed.replacing("decode", with: "prompt"),
        Self.record("q/small", perplexity: 30, bytes: 5000000, text: "data/c4.txt"),
        Self.record("q/small", perplexity: 21, bytes: 5000000), Self.record("q/large", perplexity: 10, bytes: 9000000),
      ]))
    #expect(models.map(\.label) == ["small", "large"])
    // The second measurement on the same text replaces the first.
    #expect(models[0].perplexities.map(\.value) == [30, 21])
    #expect(models[0].speeds.map { $0.rows.map(\.test) } == [["decode", "prompt"]])
    #expect(models[0].speeds.first?.rows.first?.tokensPerSecond == 160.5)
    #expect(models[0].tasks.map(\.name) == ["arc_easy", "mmlu"])
  }

  @Test("A page of one model tells every number")
  func single() throws {
    let html = EvaluationReport(try results([Self.record("q/small", perplexity: 20.0855, bytes: 5_000_000)])).file.html
    for text in [
      "<title>small – vptq</title>", "20.09", "5.00\u{a0}MB", "2.250",
      "14 tokens in 2 windows of 8, no overlap, no begin token",
      "1.900 tokens a word", "62.50", "6.25", "Loss by position, wiki.raw", "Divergence from large", "75.0\u{a0}%",
      "Parts of mmlu", "anatomy",
    ] {
      #expect(html.contains(text), "\(text)")
    }
    #expect(!html.contains("Accuracy against size"))
  }

  @Test("A comparison draws the front; speeds stand beside")
  func comparison() throws {
    let html = EvaluationReport(
      try results([
        Self.record("q/small", perplexity: 20, bytes: 5_000_000), Self.speed,
        Self.record("q/large", perplexity: 10, bytes: 9_000_000),
        Self.record("q/beaten", perplexity: 30, bytes: 9_500_000),
      ]), title: "All of them"
    ).file.html
    #expect(html.contains("<h1>All of them</h1>"))
    #expect(html.contains("Perplexity on wiki.raw against size of the weight files"))
    #expect(html.contains("<td class=\"r\">30.00</td><td class=\"w\"></td>"))
    #expect(html.contains("<td class=\"r\">10.00</td><td class=\"w\">yes</td>"))
    #expect(html.contains("Decoding 128 tokens, 4 sequences together, after 1024 tokens of context, 2 threads"))
    #expect(html.contains("150.3 ± 2.5") || html.contains("150.2 ± 2.5"))
  }

  @Test("Perplexities over other windows are not set against each other")
  func otherWindows() throws {
    let html = EvaluationReport(
      try results([
        Self.record("q/small", perplexity: 20, bytes: 5_000_000),
        Self.record("q/large", perplexity: 10, bytes: 9_000_000, tokens: 28),
      ])
    ).file.html
    #expect(!html.contains("Perplexity on wiki.raw against size"))
  }

  @Test("A page holds no script, no address and no name of a model as markup")
  func selfContained() throws {
    let hostile = "x\"><script>alert(1)</script><img src=//e.org onerror=alert(2)>'"
    let html = EvaluationReport(
      try results([
        Self.record(hostile, perplexity: 20, bytes: 5_000_000), Self.record("b", perplexity: 10, bytes: 9_000_000),
      ]), title: hostile
    ).file.html
    #expect(!html.contains("<script") && !html.contains("<img"))
    for address in ["http:", "https:", "src=\"", "url(", "@import"] { #expect(!html.contains(address), "\(address)") }
    #expect(html.contains("&lt;img src="))
    #expect(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"))
  }

  @Test("A page is the same whenever it is made of the same results")
  func reproducible() throws {
    let read = try results([Self.record("q/small", perplexity: 20, bytes: 5_000_000), Self.speed])
    #expect(EvaluationReport(read).file.html == EvaluationReport(read).file.html)
  }

  @Test(
    "Files that are no results are refused by name",
    arguments: [
      ("{", "0.json"), ("[]", "model"), (#"{"model": "m", "results": [{"test": "decode"}]}"#, "0.json: a row"),
      (#"{"results": []}"#, "\"model\" of a bench result"), (#"{"model": "m", "perplexity": {}}"#, "perplexity.value"),
    ])
  func refusals(document: String, message: String) throws {
    #expect {
      try results([document])
    } throws: {
      ($0 as? EvaluationError)?.code == .badRecord && "\($0)".contains(message)
    }
    #expect {
      try ReportedResult(file: "/nowhere/r.json")
    } throws: {
      ($0 as? EvaluationError)?.code == .missingFile
    }
  }
}
