import Foundation
import TestSupport
import Testing
import VPTQ

/// Calibration texts, weights and files that the program must refuse, or take with a word about it.
@Suite("Bad input", .serialized)
struct BadInputTests {
  private static let recipe = ["--preset", "v4-k16-4", "--samples", "4", "--sequence-length", "32"]

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private static let texts: [(file: String, bytes: [UInt8]?, status: Int32, says: String)] = [
    ("empty.txt", [], 65, "empty.txt is empty"),
    ("three.txt", Array("abc".utf8), 65, "3 tokens"),
    ("missing.txt", nil, 66, "missing.txt"),
    ("line.txt", [UInt8](repeating: 0x61, count: 1_000_000), 0, ""),
    ("binary.txt", (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 37) }, 0, "binary.txt is not UTF-8"),
    ("broken.jsonl", Array("{\"text\": \"one\"}\n\n{\"text\": \"two\"\n".utf8), 65, "broken.jsonl, line 3"),
    ("torn.jsonl.gz", [0x1F, 0x8B, 8, 0, 0], 65, "torn.jsonl.gz"),
    ("no.parquet", Array("PAR1 and nothing else".utf8), 65, "no.parquet"),
    ("other.jsonl", Array("{\"words\": \"one\"}\n".utf8), 65, "other.jsonl, line 1: there is no \"text\""),
    ("blank.jsonl", Array("\n\r\n{\"text\": \"Enough words for one whole window of text.\"}\n\n".utf8), 0, "1 windows"),
  ]

  @Test("Calibration files: refused by name, or cut into windows, or decoded with replacement (case Q17)", .tags(.slow))
  func calibration() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1, hasTokenizer: true).write(in: folder)
      for text in Self.texts {
        let path = folder.appendingPathComponent(text.file)
        if let bytes = text.bytes { try Data(bytes).write(to: path) }
        let output = folder.appendingPathComponent("out-" + text.file).path
        let run = try Program.run(["quantize", model, "-o", output, "--calibration", path.path] + Self.recipe)
        #expect(run.status == text.status, "\(text.file): \(run.errors)")
        #expect(text.says.isEmpty || run.errors.contains(text.says), "\(run.errors)")
        #expect(FileManager.default.fileExists(atPath: output + "/config.json") == (text.status == 0))
      }
    }
  }

  @Test(
    "Rows of a data set calibrate like their text",
    arguments: [
      "allenai/c4/en/c4-validation.00000-of-00008.json.gz",
      "Salesforce/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet",
    ])
  func publishedRows(name: String) throws {
    let path = SharedData.packageRoot.path + "/Tests/EvaluationTests/Fixtures/published/" + name
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1, hasTokenizer: true).write(in: folder)
      let plain = folder.appendingPathComponent("text.txt")
      try Data(EvaluationText(path, folders: []).text.utf8).write(to: plain)
      let written = try [path, plain.path].enumerated().map { index, text in
        let output = folder.appendingPathComponent("out-\(index)").path
        let run = try Program.run(["quantize", model, "-o", output, "--calibration", text] + Self.recipe)
        #expect(run.status == 0, "\(run.errors)")
        return try Data(contentsOf: URL(fileURLWithPath: output + "/model.safetensors"))
      }
      #expect(written[0] == written[1])
    }
  }

  private static let planted: [(tensor: String, value: Float, says: String, blocks: Int)] = [
    ("model.layers.1.mlp.up_proj.weight", .nan, "model.layers.1.mlp.up_proj: weight[1, 6] is nan", 1),
    ("model.layers.2.self_attn.v_proj.weight", .infinity, "model.layers.2.self_attn.v_proj: weight[1, 6] is inf", 2),
    ("model.layers.2.input_layernorm.weight", 1e38, "model.layers.2.self_attn.", 2),
  ]

  @Test(
    "A NaN, an infinity and an overflow are named with layer and index; blocks before them stay (case Q03)",
    .tags(.slow))
  func notFinite() throws {
    try inFolder { folder in
      let text = folder.appendingPathComponent("text.txt").path
      try Data(String(repeating: "The cat sat on the mat. ", count: 60).utf8).write(to: URL(fileURLWithPath: text))
      for (index, plant) in Self.planted.enumerated() {
        let isNorm = plant.tensor.contains("norm")
        var maker = RandomModel(blocks: 3, dtype: .float32, hasTokenizer: true)
        maker.planted = [(plant.tensor, isNorm ? 6 : 70, plant.value)]
        let model = try maker.write(in: folder)
        let output = folder.appendingPathComponent("out-\(index)").path
        let command = ["quantize", model, "-o", output] + Self.recipe
        // The model cannot write its own calibration text; the weight is named all the same.
        let sampled = try Program.run(command)
        #expect(sampled.status == 65)
        #expect(sampled.errors.contains(isNorm ? "activations overflow" : "\(plant.tensor)[1, 6]"), "\(sampled.errors)")
        let run = try Program.run(command + ["--calibration", text])
        #expect(run.status == 65)
        #expect(run.errors.contains(plant.says), "\(run.errors)")
        if isNorm { #expect(run.errors.contains("second moment[")) }
        #expect(!FileManager.default.fileExists(atPath: output + "/config.json"))
        maker.planted = []
        _ = try maker.write(in: folder)
        let mended = try Program.run(command + ["--calibration", text, "--json"])
        #expect(mended.status == 0, "\(mended.errors)")
        #expect(try JSONValue.parse(Array(mended.output.utf8))["resumed_blocks"]?.intValue == plant.blocks)
      }
    }
  }

  /// `inspect` refuses a folder with this `model.safetensors`: 65, one line, the file's name.
  private func expectRefused(_ weights: Data, _ name: String) throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1).write(in: folder)
      try weights.write(to: URL(fileURLWithPath: model + "/model.safetensors"))
      let run = try Program.run(["inspect", model])
      #expect(run.status == 65, "\(name)")
      #expect(run.output.isEmpty)
      #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
      #expect(run.errors.contains(model + "/model.safetensors"), "\(name): \(run.errors)")
    }
  }

  @Test(
    "Every malformed safetensors file ends with 65 and one line that names it (case F01)",
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
  func malformedWeights() throws {
    let files = try FileManager.default.contentsOfDirectory(
      at: SharedData.url("cases/fixtures/st"), includingPropertiesForKeys: nil)
    // The reference library takes spaces before the header's brace.
    let sound = files.filter {
      $0.lastPathComponent.hasPrefix("ok") || $0.lastPathComponent.hasPrefix("header_leading_space")
    }
    #expect(files.count - sound.count >= 22)
    for file in files where !sound.contains(file) { try expectRefused(Data(contentsOf: file), file.lastPathComponent) }
  }

  @Test("A header of 100,000 opening and closing brackets ends with 65 (case F01)")
  func deepHeader() throws {
    let brackets = [UInt8](repeating: 0x5B, count: 100_000) + [UInt8](repeating: 0x5D, count: 100_000)
    let length = withUnsafeBytes(of: UInt64(brackets.count).littleEndian) { Data($0) }
    try expectRefused(length + Data(brackets), "brackets")
  }

  @Test("Malformed GGUF headers end convert with 65 and one line, and nothing is written (case F07)")
  func malformedGGUF() throws {
    func bytes(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    let start = Array("GGUF".utf8) + [3, 0, 0, 0]
    let tensor = bytes(1) + bytes(0) + bytes(1) + Array("t".utf8)
    let type: [UInt8] = [UInt8](repeating: 0, count: 12)
    let files: [String: [UInt8]] = [
      "empty": [], "magic": Array("GGUX".utf8) + [UInt8](repeating: 0, count: 60), "cut": start,
      "tensor count 2^40": start + bytes(1 << 40) + bytes(0), "metadata count 2^63": start + bytes(0) + bytes(1 << 63),
      "key length 2^63": start + bytes(0) + bytes(1) + bytes(1 << 63),
      "dimension count 2^32-1": start + tensor + [0xFF, 0xFF, 0xFF, 0xFF] + type,
      "dimensions [2^63, 2]": start + tensor + [2, 0, 0, 0] + bytes(1 << 63) + bytes(2) + type,
      "past the end": start + tensor + [1, 0, 0, 0] + bytes(1 << 30) + type,
    ]
    try inFolder { folder in
      for (name, content) in files {
        let path = folder.appendingPathComponent("model.gguf").path
        try Data(content).write(to: URL(fileURLWithPath: path))
        let output = folder.appendingPathComponent("out").path
        let run = try Program.run(["convert", path, "-o", output])
        #expect(run.status == 65, "\(name): \(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1 && run.errors.contains(path), "\(name): \(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: output))
      }
    }
  }
}
