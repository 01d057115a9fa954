import Foundation
import TestSupport
import Testing
import VPTQ

/// The commands on a two-block random model: what they print, what they refuse and with which exit code.
@Suite("Commands", .serialized)
struct CommandTests {
  private func tinyModel(in folder: URL) throws -> String {
    try RandomModel(hidden: 32, blocks: 2, vocabulary: 64).write(in: folder)
  }

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func json(_ outcome: Program.Outcome) throws -> JSONValue {
    try JSONValue.parse(Array(outcome.output.utf8))
  }

  @Test("quantize, inspect, generate, bench and convert on one model; --json prints one document")
  func wholeRoad() throws {
    try inFolder { folder in
      let model = try tinyModel(in: folder)
      let output = folder.appendingPathComponent("out").path
      let quantized = try Program.run([
        "quantize", model, "-o", output, "--preset", "v4-k16-4", "--samples", "4", "--sequence-length", "32", "--json",
      ])
      #expect(quantized.status == 0, "\(quantized.errors)")
      let report = try json(quantized)
      #expect(report["layers"]?.arrayValue?.count == 14)
      let bits = try #require(report["bits_per_weight"]?.doubleValue)
      let indexBits = try #require(report["index_bits_per_weight"]?.doubleValue)
      #expect(indexBits >= 1.5 && indexBits < bits)
      let inspected = try json(try Program.run(["inspect", output, "--json"]))
      #expect(inspected["architecture"]?.stringValue == "LlamaForCausalLM")
      #expect(abs((inspected["bits_per_weight"]?.doubleValue ?? 0) - bits) < 1e-9)
      #expect(inspected["quantized_parameters"]?.intValue == 15360)
      let arguments = ["--prompt-ids", "1,5,9", "--max-tokens", "5", "--temperature", "0", "--json", "--logprobs", "2"]
      let generated = try json(try Program.run(["generate", output] + arguments))
      #expect(generated["prompt_tokens"]?.intValue == 3)
      let count = try #require(generated["token_ids"]?.arrayValue?.count)
      #expect(generated["logprobs"]?.arrayValue?.count == count)
      let bench = try json(
        try Program.run([
          "bench", output, "--prompt-tokens", "8", "--generated-tokens", "4", "--repetitions", "2", "--json",
        ]))
      #expect(bench["results"]?.arrayValue?.compactMap { $0["test"]?.stringValue } == ["prompt", "decode"])
      let dense = folder.appendingPathComponent("dense").path
      #expect(try Program.run(["convert", output, "-o", dense, "--dequantize", "--dtype", "float32"]).status == 0)
      let again = try json(try Program.run(["generate", dense] + arguments))
      #expect(again["token_ids"] == generated["token_ids"])
      let plain = folder.appendingPathComponent("plain").path
      #expect(try Program.run(["convert", output, "-o", plain, "--absorb-permutation"]).status == 0)
      let absorbed = try json(try Program.run(["generate", plain] + arguments))
      #expect(absorbed["token_ids"] == generated["token_ids"])
    }
  }

  @Test("generate --weight-memory: a model that does not fit says the same, and that it is read from disk")
  func weightMemory() throws {
    try inFolder { folder in
      let output = folder.appendingPathComponent("out").path
      let quantized = try Program.run([
        "quantize", try tinyModel(in: folder), "-o", output, "--preset", "v4-k16-4", "--samples", "4",
        "--sequence-length", "32", "--quiet",
      ])
      #expect(quantized.status == 0, "\(quantized.errors)")
      let arguments = [
        "generate", output, "--prompt-ids", "1,5,9,4,7", "--max-tokens", "12", "--temperature", "0", "--json",
      ]
      let whole = try Program.run(arguments + ["--logprobs", "3"])
      #expect(!whole.errors.contains("read from disk"))
      for more in [[], ["--no-read-ahead"]] {
        let streamed = try Program.run(arguments + ["--logprobs", "3", "--weight-memory", "1000"] + more)
        #expect(streamed.errors.contains("are read from disk for every pass"), "\(streamed.errors)")
        for field in ["token_ids", "logprobs"] {
          #expect(try json(streamed)[field] == json(whole)[field])
        }
      }
      // A model of plain matrices likewise.
      let dense = folder.appendingPathComponent("model").path
      let plain = ["generate", dense] + arguments.dropFirst(2)
      let streamed = try Program.run(plain + ["--weight-memory", "1000"])
      #expect(streamed.errors.contains("are read from disk for every pass"))
      #expect(try json(streamed)["token_ids"] == json(try Program.run(plain))["token_ids"])
    }
  }

  @Test("quantize --bits --tune: within the budget, told by kind of matrix, tuned, and no job left")
  func budgetAndTuning() throws {
    try inFolder { folder in
      let output = folder.appendingPathComponent("out").path
      let run = try Program.run([
        "quantize", try tinyModel(in: folder), "-o", output, "--bits", "5.5", "--tune", "2", "--samples", "4",
        "--sequence-length", "32", "--json",
      ])
      #expect(run.status == 0, "\(run.errors)\(run.output)")
      #expect(run.errors.contains("bits allocated by the measured cost of errors"), "\(run.errors)")
      #expect(run.errors.contains("self_attn.v_proj: "))
      let report = try json(run)
      let bits = try #require(report["bits_per_weight"]?.doubleValue)
      #expect(bits > 4.5 && bits <= 5.5)
      #expect(report["tuning_losses"]?.arrayValue?.count == 2)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("out") }
      #expect(left == ["out"])
      let inspected = try json(try Program.run(["inspect", output, "--json"]))
      #expect(abs((inspected["bits_per_weight"]?.doubleValue ?? 0) - bits) < 1e-9)
    }
  }

  @Test("inspect --compatibility: a tied head of 32 inputs suits transformers on CPU and nothing else")
  func compatibility() throws {
    try inFolder { folder in
      let output = folder.appendingPathComponent("out").path
      let run = try Program.run([
        "quantize", try tinyModel(in: folder), "-o", output, "--preset", "v4-k16-4", "--samples", "4",
        "--sequence-length", "32", "--quiet",
      ])
      #expect(run.status == 0, "\(run.errors)")
      let entries = try #require(
        try json(try Program.run(["inspect", output, "--compatibility", "--json"]))["compatibility"]?.arrayValue)
      let statuses = entries.map { [$0["runtime"]?.stringValue, $0["status"]?.stringValue] }
      #expect(
        statuses == [
          ["vptq 0.0.5.post1 on CPU", "fails"], ["vptq 0.0.5.post1 on CUDA", "fails"],
          ["transformers 4.57.6 with vptq 0.0.5.post1 on CPU", "runs"],
          ["transformers 4.57.6 with vptq 0.0.5.post1 on CUDA", "fails"],
          ["transformers 5.24.0 with vptq 0.0.5.post1", "fails"], ["transformers 5.24.0, dense weights", "runs"],
          ["llama.cpp convert_hf_to_gguf.py, dense weights", "runs"],
        ])
      let narrow = try #require(entries[3]["reasons"]?.arrayValue?.first)
      #expect(narrow["reason"]?.stringValue == "48 inputs; its fused kernel takes more than 256")
      #expect(narrow["layers"]?.arrayValue?.count == 2)
      let text = try Program.run(["inspect", output, "--compatibility"]).output
      #expect(text.contains("runs  transformers 4.57.6 with vptq 0.0.5.post1 on CPU"))
      #expect(text.contains("32 inputs; its fused kernel takes more than 256 (12 layers, model.layers.0."))
    }
  }

  @Test("Two processes with one seed write the same bytes, at 1 and at 2 threads (case Q13)")
  func sameBytes() throws {
    try inFolder { folder in
      let model = try tinyModel(in: folder)
      var contents: [[String: Data]] = []
      for threads in ["1", "2"] {
        let output = folder.appendingPathComponent("out-\(threads)").path
        let run = try Program.run([
          "quantize", model, "-o", output, "--preset", "v4-k16", "--samples", "4", "--sequence-length", "32", "--seed",
          "9", "--threads", threads, "--quiet",
        ])
        #expect(run.status == 0, "\(run.errors)")
        contents.append(try FolderContents.read(output))
      }
      #expect(contents[0].count >= 2)
      #expect(contents[0] == contents[1])
    }
  }

  @Test(
    "Wrong options end with 64 and name the option (case Q18)",
    arguments: [
      (["quantize", "M", "-o", "O", "--bits", "7"], "--bits"),
      (["quantize", "M", "-o", "O", "--bits", "two"], "--bits"),
      (["quantize", "M", "-o", "O", "--bits", "1"], "--bits"),
      (["quantize", "M", "-o", "O", "--preset", "v8-k64"], "more than the 16 of the original"),
      (["quantize", "M", "-o", "O", "--preset", "v8-k3000"], "3000"),
      (["quantize", "M", "-o", "O", "--preset", "v0-k16"], "vector length"),
      (["quantize", "M", "-o", "O", "--preset", "v4-k1"], "centroid count"),
      (["quantize", "M", "-o", "O", "--preset", "v4-k16", "--outlier-percent", "1"], "outlier vector length"),
      (["quantize", "M", "-o", "O", "--preset", "v4-k16", "--groups", "0"], "group count"),
      (["quantize", "M", "-o", "O", "--preset", "v64-k16"], "vector length"),
      (["quantize", "M", "-o", "O", "--preset", "v4-k16", "--skip", "("], "--skip"),
      (["quantize", "M", "-o", "O", "--seed", "-1"], "--seed"),
      (["quantize", "M", "-o", "O", "--samples", "0"], "--samples"),
      (["generate", "M", "--prompt-ids", "1,x"], "--prompt-ids"),
      (["generate", "M", "--prompt-ids", "1", "--temperature=-1"], "temperature"),
      (["generate", "M", "--prompt-ids", "1", "--max-tokens", "0"], "--max-tokens"),
      (["generate", "M", "--prompt-ids", "99999"], "99999"),
      (["evaluate", "M", "--perplexity", "T", "--context", "1"], "--context"),
      (["bench", "M", "--batch", "0"], "--batch"),
      (["convert", "M", "-o", "O", "--dtype", "int8"], "--dtype"),
      (["frobnicate"], "frobnicate"),
    ] as [([String], String)])
  func wrongUsage(arguments: [String], name: String) throws {
    try inFolder { folder in
      let model = try tinyModel(in: folder)
      let output = folder.appendingPathComponent("out").path
      let run = try Program.run(arguments.map { $0 == "M" ? model : $0 == "O" ? output : $0 })
      #expect(run.status == 64, "\(run.errors)")
      #expect(run.errors.contains(name), "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }

  @Test("Missing inputs end with 66, damaged ones with 65, an occupied output with 73; --json says the same")
  func refusals() throws {
    try inFolder { folder in
      let model = try tinyModel(in: folder)
      let output = folder.appendingPathComponent("out").path
      #expect(try Program.run(["inspect", folder.path + "/nothing"]).status == 66)
      #expect(try Program.run(["evaluate", model, "--perplexity", folder.path + "/nothing"]).status == 66)
      #expect(try Program.run(["generate", model, "-p", "hello"]).status == 66)
      #expect(try Program.run(["quantize", model, "-o", model]).status == 73)
      let text = folder.appendingPathComponent("empty.txt").path
      _ = FileManager.default.createFile(atPath: text, contents: Data())
      let noTokenizer = try Program.run(["quantize", model, "-o", output, "--preset", "v4-k16", "--calibration", text])
      #expect(noTokenizer.status == 66)
      let weights = URL(fileURLWithPath: model + "/model.safetensors")
      try Data(contentsOf: weights).dropLast(100).write(to: weights)
      let damaged = try Program.run(["inspect", model, "--json"])
      #expect(damaged.status == 65)
      let error = try json(damaged)["error"]
      #expect(error?["message"]?.stringValue?.contains("model.safetensors") == true)
      #expect(error?["code"]?.stringValue == "malformedFile")
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }

  @Test("Every command's help shows an example and ends with 0")
  func help() throws {
    for command in ["convert", "quantize", "generate", "evaluate", "inspect", "bench", "report"] {
      let run = try Program.run([command, "--help"])
      #expect(run.status == 0)
      #expect(run.output.contains("vptq \(command) "), "\(command)")
    }
  }
}
