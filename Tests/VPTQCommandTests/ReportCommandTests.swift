import Checkpoints
import Evaluation
import Foundation
import JSONReader
import TestSupport
import Testing

/// Pages, and results kept for them, as users make them.
@Suite("Report commands", .serialized)
struct ReportCommandTests {
  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  /// A small model, dense and quantized with main and residual codebooks.
  private func models(in folder: URL) throws -> (dense: String, quantized: String) {
    let model = try RandomModel(hidden: 32, blocks: 2, hasTokenizer: true).write(in: folder)
    let output = folder.appendingPathComponent("quantized").path
    let run = try Program.run([
      "quantize", model, "-o", output, "--preset", "v4-k16-4", "--samples", "4", "--sequence-length", "32", "--quiet",
    ])
    #expect(run.status == 0, "\(run.errors)")
    return (model, output)
  }

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("inspect --report tells bytes, bits, errors and use of codebooks; parts add up to the file")
  func inspect() throws {
    try inFolder { folder in
      let (dense, quantized) = try models(in: folder)
      let page = folder.appendingPathComponent("page.html").path
      let run = try Program.run(["inspect", quantized, "--report", page, "--json"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(try JSONValue.parse(Array(run.output.utf8))["report"]?.stringValue == page)
      let html = try text(page)
      for part in [
        "Bytes by purpose", "residual codebooks", "Bits by block and kind of matrix", "Relative error by block",
        "What each step of the quantization gained", "How often centroids are used", "Information in residual codes",
        "model.layers.1.mlp.down_proj",
      ] {
        #expect(html.contains(part), "\(part)")
      }
      let anatomy = try ModelAnatomy(ModelDirectory(path: quantized))
      #expect(anatomy.partBits.values.reduce(0, +) == anatomy.fileBytes * 8)
      // 14 matrices, each with one codebook of 16 and one of 4 vectors of 4 numbers in 16 bits.
      #expect(anatomy.partBits[.codebooks] == 14 * 16 * 4 * 16)
      #expect(anatomy.partBits[.residualCodebooks] == 14 * 4 * 4 * 16)
      // 15360 weights, a code for every 4.
      #expect(anatomy.partBits[.codes] == 15360 / 4 * 4)
      #expect(anatomy.partBits[.residualCodes] == 15360 / 4 * 2)
      let blockBits = anatomy.matrices.reduce(0) { $0 + $1.storedBits }
      let quantizedParts: [StoredPart] = [
        .codes, .residualCodes, .codePadding, .codebooks, .residualCodebooks, .scales, .permutations,
      ]
      #expect(quantizedParts.reduce(0) { $0 + (anatomy.partBits[$1] ?? 0) } == blockBits)
      let main = anatomy.matrices.compactMap(\.mainUse).reduce(CodebookUse(), +)
      #expect(main.codes == 15360 / 4)
      #expect(main.centroids == 14 * 16)
      #expect(main.bitsPerCode == 4)

      // A page is replaced; a dense model has one too.
      #expect(try Program.run(["inspect", dense, "--report", page, "--quiet"]).status == 0)
      let plain = try text(page)
      #expect(plain.contains("dense matrices of the blocks") && !plain.contains("How often centroids are used"))
    }
  }

  @Test("Errors stand in the page only where quantization.json tells them; a damaged one is named")
  func withoutRecord() throws {
    try inFolder { folder in
      let quantized = try models(in: folder).quantized
      let page = folder.appendingPathComponent("page.html").path
      let record = quantized + "/quantization.json"
      try Data("[1]".utf8).write(to: URL(fileURLWithPath: record))
      let damaged = try Program.run(["inspect", quantized, "--report", page])
      #expect(damaged.status == 65)
      #expect(damaged.errors.contains("quantization.json"))
      #expect(!FileManager.default.fileExists(atPath: page))
      try FileManager.default.removeItem(atPath: record)
      #expect(try Program.run(["inspect", quantized, "--report", page]).status == 0)
      #expect(try text(page).contains("The folder has no quantization.json"))
    }
  }

  @Test("evaluate and bench keep results, report sets them side by side")
  func comparison() throws {
    try inFolder { folder in
      let (dense, quantized) = try models(in: folder)
      func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
      try Data(String(repeating: "Some text to measure on. ", count: 40).utf8).write(
        to: URL(fileURLWithPath: path("text.txt")))
      let perplexity = ["--perplexity", path("text.txt"), "--context", "32", "--windows", "3"]
      let first = try Program.run(["evaluate", dense] + perplexity + ["--save", path("dense.json"), "--quiet"])
      #expect(first.status == 0, "\(first.errors)")
      let second = try Program.run(
        ["evaluate", quantized] + perplexity + [
          "--kl-against", dense, "--save", path("quantized.json"), "--report", path("one.html"), "--report-with",
          "before=" + path("dense.json"),
        ])
      #expect(second.status == 0, "\(second.errors)")
      let one = try text(path("one.html"))
      #expect(one.contains("Perplexity on text.txt against size") && one.contains("How often divergences occur"))
      #expect(one.contains(">before<"))
      let bench = try Program.run([
        "bench", quantized, "--prompt-tokens", "4", "--generated-tokens", "2", "--repetitions", "1", "--save",
        path("speed.json"), "--quiet",
      ])
      #expect(bench.status == 0, "\(bench.errors)")
      let run = try Program.run([
        "report", "<b title=x>one</b>=" + path("quantized.json"), "<b title=x>one</b>=" + path("speed.json"),
        path("dense.json"), "-o",
        path("all.html"), "--title", "All & everything",
      ])
      #expect(run.status == 0, "\(run.errors)")
      let all = try text(path("all.html"))
      #expect(all.contains("<h1>All &amp; everything</h1>"))
      #expect(all.contains("Speed and memory") && !all.contains("<b title"))
    }
  }

  @Test("Pages go where they can, and never over a file that is none")
  func refusals() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1).write(in: folder)
      let weights = try Data(contentsOf: URL(fileURLWithPath: model + "/model.safetensors"))
      for (page, message) in [
        (folder.path, "is a folder"), (folder.path + "/none/page.html", "not there"),
        (model + "/model.safetensors", "not called .html"),
      ] {
        let run = try Program.run(["inspect", model, "--report", page])
        #expect(run.status == 73, "\(page): \(run.errors)")
        #expect(run.errors.contains(message), "\(run.errors)")
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: model + "/model.safetensors")) == weights)
      let page = folder.appendingPathComponent("page.html").path
      #expect(try Program.run(["report", folder.path + "/none.json", "-o", page]).status == 66)
      #expect(try Program.run(["report", model + "/config.json", "-o", page]).status == 65)
      #expect(try Program.run(["report", "-o", page]).status == 64)
      #expect(!FileManager.default.fileExists(atPath: page))
    }
  }

  @Test("bench: depths of context in every form of output")
  func bench() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1).write(in: folder)
      let arguments = [
        "bench", model, "--prompt-tokens", "4", "--generated-tokens", "2", "--batch", "1,2", "--context", "0,8",
        "--repetitions", "2", "--loads", "2",
      ]
      let json = try JSONValue.parse(Array(try Program.run(arguments + ["--json"]).output.utf8))
      let results = try #require(json["results"]?.arrayValue)
      #expect(results.compactMap { $0["context"]?.intValue } == [0, 0, 8, 8, 0, 0, 8, 8])
      #expect(results.compactMap { $0["batch"]?.intValue } == [1, 1, 1, 1, 2, 2, 2, 2])
      for field in ["load_seconds", "time_to_first_token_seconds", "peak_memory_bytes"] {
        #expect((json[field]?.doubleValue ?? 0) > 0, "\(field)")
      }
      let csv = try Program.run(arguments + ["--csv"]).output.split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false)
      }
      #expect(csv.count == 9)
      #expect(csv.allSatisfy { $0.count == 17 })
      #expect(csv[0].last == "instruction_set")
      #expect(json["instruction_set"]?.stringValue.map { csv[1].last == $0[...] } == true)
      #expect(csv[0].prefix(7).joined(separator: " ") == "model model_bytes bits_per_weight threads test batch context")
      let plain = try Program.run(arguments).output
      #expect(plain.contains("| test | batch | context | tokens | tokens/s | ± | repetitions |"))
      let table = try Program.run(arguments + ["--format", "table"]).output
      #expect(table.contains("test    batch  context"))
      for (option, value) in [("--context", "0,x"), ("--context", "-1"), ("--loads", "0"), ("--context", "200")] {
        let run = try Program.run(["bench", model, "\(option)=\(value)"])
        #expect(run.status == 64, "\(option) \(value)")
        #expect(run.errors.contains(option), "\(run.errors)")
      }
    }
  }
}
