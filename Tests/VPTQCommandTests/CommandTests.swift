import Foundation
import TestSupport
import Testing
import VPTQ

/// The commands on a two-block random model: what they print, what they refuse and with which exit code.
@Suite("Commands", .serialized)
struct CommandTests {
  /// A random Llama without a tokenizer, as `folder/model`.
  private func tinyModel(in folder: URL) throws -> String {
    let path = folder.appendingPathComponent("model").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var shapes: [(String, Shape)] = [("model.embed_tokens.weight", [64, 32]), ("model.norm.weight", [32])]
    for block in 0..<2 {
      let prefix = "model.layers.\(block)"
      for norm in ["input_layernorm", "post_attention_layernorm"] { shapes.append(("\(prefix).\(norm).weight", [32])) }
      for name in ["q_proj", "o_proj"] { shapes.append(("\(prefix).self_attn.\(name).weight", [32, 32])) }
      for name in ["k_proj", "v_proj"] { shapes.append(("\(prefix).self_attn.\(name).weight", [16, 32])) }
      for name in ["gate_proj", "up_proj"] { shapes.append(("\(prefix).mlp.\(name).weight", [48, 32])) }
      shapes.append(("\(prefix).mlp.down_proj.weight", [32, 48]))
    }
    shapes.sort { $0.0 < $1.0 }
    let writer = try CheckpointWriter(folder: path, declarations: shapes.map { ($0.0, DType.float16, $0.1) })
    for (index, entry) in shapes.enumerated() {
      let random = CounterRandom(seed: 3, stream: UInt64(index))
      let isNorm = entry.0.contains("norm")
      let values = (0..<entry.1.elementCount).map { Float(random.uniform(at: UInt64($0)) - 0.5) + (isNorm ? 1 : 0) }
      try writer.write(entry.0, Tensor(values, shape: entry.1, dtype: .float16))
    }
    try writer.finish()
    let json = """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
       "rms_norm_eps": 1e-5, "max_position_embeddings": 128, "tie_word_embeddings": true, "torch_dtype": "float16",
       "bos_token_id": 1, "eos_token_id": 2}
      """
    try AtomicFile.write(Array(json.utf8), to: path + "/config.json")
    return path
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
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: output) {
          files[name] = try Data(contentsOf: URL(fileURLWithPath: output + "/" + name))
        }
        contents.append(files)
      }
      #expect(contents[0].count >= 2)
      #expect(contents[0] == contents[1])
    }
  }

  @Test(
    "Wrong options end with 64 and name the option (case Q18)",
    arguments: [
      (["quantize", "M", "-o", "O", "--bits", "7"], "--bits"),
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
    for command in ["convert", "quantize", "generate", "evaluate", "inspect", "bench"] {
      let run = try Program.run([command, "--help"])
      #expect(run.status == 0)
      #expect(run.output.contains("vptq \(command) "), "\(command)")
    }
  }
}
