import Checkpoints
import Foundation
import JSONReader
import TestSupport
import Tensors
import Testing

@Suite("Model folders (case F05)") struct ModelDirectoryTests {
  /// A folder of three shards with one tensor each, `t0`, `t1`, `t2`.
  private func withModel(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let writer = try CheckpointWriter(
      folder: folder.path, declarations: (0..<3).map { ("t\($0)", .float32, [2048]) }, maximumShardBytes: 1)
    for index in 0..<3 {
      try writer.write("t\(index)", Tensor([Float](repeating: Float(index), count: 2048), shape: [2048]))
    }
    try writer.finish()
    try JSONFile.write(
      ["model_type": "llama", "eos_token_id": 2], to: folder.appendingPathComponent("config.json").path)
    try body(folder)
  }

  private func shard(_ number: Int) -> String { "model-0000\(number)-of-00003.safetensors" }

  private func failure(_ folder: URL) throws -> CheckpointError {
    try #require(throws: CheckpointError.self) { try ModelDirectory(path: folder.path) }
  }

  private func rewriteIndex(_ folder: URL, tensor: String, shard: String) throws {
    let path = folder.appendingPathComponent("model.safetensors.index.json").path
    var map = try JSONFile.read(path)["weight_map"]?.objectValue ?? []
    map.append((tensor, .string(shard)))
    try JSONFile.write(["weight_map": .object(map)], to: path)
  }

  @Test("the files of a tokenizer and all chat templates go along")
  func companions() throws {
    try withModel { folder in
      for (name, text) in [
        ("tokenizer.json", "{}"), ("chat_template.jinja", "D"), ("additional_chat_templates/tool_use.jinja", "T"),
        ("additional_chat_templates/notes.txt", "N"), ("README.md", "R"),
      ] {
        let url = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
      }
      let copy = try SharedData.temporaryFolder()
      defer { try? FileManager.default.removeItem(at: copy) }
      try ModelDirectory(path: folder.path).copyCompanions(to: copy.path)
      let names = try FileManager.default.subpathsOfDirectory(atPath: copy.path).sorted()
      #expect(
        names == [
          "additional_chat_templates", "additional_chat_templates/tool_use.jinja", "chat_template.jinja",
          "tokenizer.json",
        ])
    }
  }

  @Test("a stray shard is ignored; configurations are read where they are")
  func complete() throws {
    try withModel { folder in
      let stray = try SafetensorsWriter(
        path: folder.appendingPathComponent("model-00004-of-00004.safetensors").path,
        declarations: [("t9", .float32, [0])])
      try stray.append("t9", Tensor([], shape: [0]))
      try stray.finish()
      let model = try ModelDirectory(path: folder.path)
      #expect(model.tensorNames == ["t0", "t1", "t2"])
      #expect(!model.contains("t9"))
      #expect(try model.tensor(named: "t2").floats() == [Float](repeating: 2, count: 2048))
      #expect(model.configuration["eos_token_id"]?.intValue == 2)
      #expect(model.generationConfiguration == nil)
      let missing = try #require(throws: CheckpointError.self) { try model.tensor(named: "t9") }
      #expect(missing.code == .missingTensor)
    }
  }

  @Test("missing shards are named")
  func missingShards() throws {
    try withModel { folder in
      for number in [1, 3] { try FileManager.default.removeItem(at: folder.appendingPathComponent(shard(number))) }
      let error = try failure(folder)
      #expect(error.code == .missingFile)
      #expect(error.message.contains(shard(1)) && error.message.contains(shard(3)))
      #expect(!error.message.contains(shard(2)))
    }
  }

  @Test("a tensor that its shard lacks is named")
  func missingTensor() throws {
    try withModel { folder in
      try rewriteIndex(folder, tensor: "t7", shard: shard(2))
      let error = try failure(folder)
      #expect(error.code == .missingTensor)
      #expect(error.message.contains("t7") && error.message.contains(shard(2)))
    }
  }

  @Test("an index cannot lead out of the folder", arguments: ["../x.safetensors", "/x.safetensors", "..", "a\\b", ""])
  func escape(shard: String) throws {
    try withModel { folder in
      try rewriteIndex(folder, tensor: "t7", shard: shard)
      #expect(try failure(folder).code == .malformedFile)
    }
  }

  @Test("a cut shard is refused with the number of missing bytes (F04)")
  func cutShard() throws {
    try withModel { folder in
      let path = folder.appendingPathComponent(shard(2)).path
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      try AtomicFile.write([UInt8](data.dropLast(4096)), to: path)
      let error = try failure(folder)
      #expect(error.message.contains(shard(2)) && error.message.contains("4096 bytes are missing"))
    }
  }

  @Test("a folder without safetensors is refused with a hint")
  func otherFormats() throws {
    for (name, code) in [("pytorch_model.bin", CheckpointError.Code.unsupported), ("readme", .missingFile)] {
      let folder = try SharedData.temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      #expect(try failure(folder).message.contains("config.json"))
      try JSONFile.write([:], to: folder.appendingPathComponent("config.json").path)
      try AtomicFile.write([0], to: folder.appendingPathComponent(name).path)
      #expect(try failure(folder).code == code)
    }
  }
}
