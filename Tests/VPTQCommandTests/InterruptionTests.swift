import Foundation
import TestSupport
import Testing
import VPTQ

/// What is on disk when the program is killed, interrupted or out of space, and what the same command makes of it.
@Suite("Killed, interrupted and out of space", .serialized)
struct InterruptionTests {
  private static let recipe = ["--preset", "v4-k16-4", "--samples", "4", "--sequence-length", "32", "--json"]

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func contents(_ path: String) throws -> [String: Data] { try FolderContents.read(path) }

  private func finishedBlocks(_ job: String) throws -> Int {
    try contents(job).keys.count { $0.hasPrefix("block-") }
  }

  /// A file under a final name is as an uninterrupted run writes it, and `config.json` comes after all others.
  private func expectWhole(_ path: String, of whole: [String: Data], _ moment: Double) throws {
    let files = try contents(path).filter { !$0.key.hasSuffix(".partial") }
    for (name, data) in files { #expect(data == whole[name], "\(name) after \(moment) s") }
    if files["config.json"] != nil { #expect(files.count == whole.count) }
  }

  @Test(
    "convert killed at 20 moments: nothing half-written has a final name; run again it ends whole (case F06)",
    .tags(.slow))
  func killedConvert() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 128, blocks: 8).write(in: folder)
      let quantized = folder.appendingPathComponent("quantized").path
      try #require(try Program.run(["quantize", model, "-o", quantized] + Self.recipe).status == 0)
      let reference = folder.appendingPathComponent("reference").path
      let start = ContinuousClock.now
      try #require(try Program.run(["convert", quantized, "-o", reference, "--dequantize"]).status == 0)
      let duration = Double(start.duration(to: .now) / .seconds(1))
      let whole = try contents(reference)
      let random = CounterRandom(seed: 21, stream: 0)
      for round in 0..<20 {
        let output = folder.appendingPathComponent("out-\(round)").path
        let moment = random.uniform(at: UInt64(round)) * duration
        let command = ["convert", quantized, "-o", output, "--dequantize"]
        _ = try Program.run(command, interference: .init(signal: SIGKILL) { $0 >= moment })
        try expectWhole(output, of: whole, moment)
        let isComplete = FileManager.default.fileExists(atPath: output + "/config.json")
        #expect(try Program.run(command).status == (isComplete ? 73 : 0))
        #expect(try contents(output) == whole, "killed after \(moment) s")
      }
    }
  }

  @Test("quantize killed at 10 moments goes on with its finished blocks to the same bytes (case Q14)", .tags(.slow))
  func killedQuantize() throws {
    try inFolder { folder in
      let model = try RandomModel().write(in: folder)
      let reference = folder.appendingPathComponent("reference").path
      let start = ContinuousClock.now
      try #require(try Program.run(["quantize", model, "-o", reference] + Self.recipe).status == 0)
      let duration = Double(start.duration(to: .now) / .seconds(1))
      let whole = try contents(reference)
      let random = CounterRandom(seed: 22, stream: 0)
      for round in 0..<10 {
        let output = folder.appendingPathComponent("out-\(round)").path
        let moment = random.uniform(at: UInt64(round)) * duration
        let command = ["quantize", model, "-o", output] + Self.recipe
        _ = try Program.run(command, interference: .init(signal: SIGKILL) { $0 >= moment })
        try expectWhole(output, of: whole, moment)
        let finished = try finishedBlocks(output + ".job")
        if finished == 0, FileManager.default.fileExists(atPath: output + "/config.json") { continue }
        let again = try Program.run(command)
        #expect(again.status == 0, "\(again.errors)")
        let report = try JSONValue.parse(Array(again.output.utf8))
        #expect(report["resumed_blocks"]?.intValue == finished, "killed after \(moment) s")
        #expect(report["layers"]?.arrayValue?.count == 42)
        #expect(try contents(output) == whole, "killed after \(moment) s")
        #expect(!FileManager.default.fileExists(atPath: output + ".job"))
      }
    }
  }

  @Test("A damaged block, a lost marker or a changed weight voids the finished blocks it concerns, and no others")
  func damagedJob() throws {
    try inFolder { folder in
      let model = try RandomModel(blocks: 3, hasTokenizer: true).write(in: folder)
      let text = folder.appendingPathComponent("text.txt").path
      try Data(String(repeating: "The cat sat on the mat. ", count: 60).utf8).write(to: URL(fileURLWithPath: text))
      let options = Self.recipe + ["--calibration", text]
      func redone(_ name: String, _ damage: (_ job: String) throws -> Void) throws -> Int? {
        let output = folder.appendingPathComponent(name).path
        let command = ["quantize", model, "-o", output] + options
        // A limit that the blocks keep to, but not the model.
        #expect(try Program.run(command, fileLimit: 64).status == 73)
        #expect(try finishedBlocks(output + ".job") == 3)
        try damage(output + ".job")
        let run = try Program.run(command)
        #expect(run.status == 0, "\(run.errors)")
        return try JSONValue.parse(Array(run.output.utf8))["resumed_blocks"]?.intValue
      }
      #expect(try redone("sound") { _ in } == 3)
      let cut = try redone("cut") { job in
        let block = URL(fileURLWithPath: job + "/block-00001.safetensors")
        try Data(contentsOf: block).dropLast(7).write(to: block)
      }
      #expect(cut == 2)
      #expect(try redone("marker") { try Data().write(to: URL(fileURLWithPath: $0 + "/job.json")) } == 0)
      let whole = try contents(folder.appendingPathComponent("sound").path)
      for name in ["cut", "marker"] { #expect(try contents(folder.appendingPathComponent(name).path) == whole) }
      let changed = try redone("changed") { _ in
        let plant = [(name: "model.layers.1.mlp.up_proj.weight", index: 9, value: Float(0.75))]
        _ = try RandomModel(blocks: 3, hasTokenizer: true, planted: plant).write(in: folder)
      }
      #expect(changed == 1)
    }
  }

  @Test("Another model, text or recipe than the job folder's is refused by name; the same command then goes on")
  func changedJob() throws {
    try inFolder { folder in
      func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
      let model = try RandomModel(hidden: 32, blocks: 2, hasTokenizer: true).write(in: folder)
      for (name, text) in [("text", "The cat sat on the mat. "), ("other", "A dog ran over the log. ")] {
        try Data(String(repeating: text, count: 20).utf8).write(to: folder.appendingPathComponent(name))
      }
      func quantize(_ options: [String], fileLimit: Int? = nil) throws -> Program.Outcome {
        let arguments = ["quantize", model, "-o", path("out"), "--samples", "4", "--sequence-length", "32"]
        return try Program.run(arguments + options, fileLimit: fileLimit)
      }
      let command = ["--preset", "v4-k16-4", "--calibration", path("text")]
      #expect(try quantize(command, fileLimit: 24).status == 73)
      let configuration = try String(contentsOfFile: model + "/config.json", encoding: .utf8)
      let changes: [(options: [String], configuration: String, part: String)] = [
        (["--preset", "v4-k16-4", "--calibration", path("other")], configuration, "calibration"),
        (["--preset", "v4-k16", "--calibration", path("text")], configuration, "recipe"),
        (command + ["--seed", "4"], configuration, "recipe"),
        (command, configuration.replacingOccurrences(of: "1e-5", with: "1e-6"), "model"),
      ]
      for change in changes {
        try change.configuration.write(toFile: model + "/config.json", atomically: true, encoding: .utf8)
        let run = try quantize(change.options + ["--resume"])
        #expect(run.status == 65)
        #expect(run.errors.contains("out.job was made with another \(change.part);"), "\(run.errors)")
        #expect(try contents(path("out")).isEmpty)
      }
      try configuration.write(toFile: model + "/config.json", atomically: true, encoding: .utf8)
      #expect(try quantize(command + ["--resume"]).status == 0)
    }
  }

  @Test("A folder that may not be written is refused before any work", .enabled(if: geteuid() != 0, "root may write"))
  func readOnly() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1).write(in: folder)
      let locked = folder.appendingPathComponent("locked").path
      try FileManager.default.createDirectory(
        atPath: locked, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o555])
      let job = folder.appendingPathComponent("job").path
      let run = try Program.run(["quantize", model, "-o", locked + "/out", "--job", job] + Self.recipe.dropLast())
      #expect(run.status == 73 && run.errors.contains("\(locked): Permission denied"), "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: job))
    }
  }

  @Test("Tuning outlives an output that does not fit: the same command only writes it")
  func tunedWithoutSpace() throws {
    try inFolder { folder in
      let model = try RandomModel(blocks: 1).write(in: folder)
      let quantized = folder.appendingPathComponent("quantized").path
      try #require(try Program.run(["quantize", model, "-o", quantized] + Self.recipe).status == 0)
      let output = folder.appendingPathComponent("out").path
      let text = ["--samples", "2", "--sequence-length", "32"]
      let command =
        ["tune", quantized, "--reference", model, "-o", output, "--steps", "3", "--tokens", "24", "--json"] + text
      let run = try Program.run(command, fileLimit: 64)
      #expect(run.status == 73 && run.output.contains("out/model.safetensors"), "\(run.output)")
      #expect(try contents(output).isEmpty)
      let again = try Program.run(command)
      #expect(again.status == 0, "\(again.output)")
      #expect(try JSONValue.parse(Array(again.output.utf8))["resumed_steps"]?.intValue == 3)
      #expect(!FileManager.default.fileExists(atPath: output + ".tuning"))
    }
  }

  @Test("One Ctrl-C ends quantize with 130 and says how to go on; finished blocks are kept")
  func interrupted() throws {
    try inFolder { folder in
      let model = try RandomModel().write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let command = ["quantize", model, "-o", output] + Self.recipe.dropLast()
      let first = output + ".job/block-00000.safetensors"
      let run = try Program.run(
        command, interference: .init(signal: SIGINT) { _ in FileManager.default.fileExists(atPath: first) })
      #expect(run.status == 130)
      #expect(run.errors.contains("finished blocks are in \(output).job"), "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: output + "/config.json"))
      let finished = try finishedBlocks(output + ".job")
      #expect((1...6).contains(finished))
      let again = try Program.run(command + ["--json"])
      #expect(try JSONValue.parse(Array(again.output.utf8))["resumed_blocks"]?.intValue == finished)
      #expect(again.status == 0)
    }
  }

  @Test("At a file size limit both writers end with 73, name the path and the bytes, and leave nothing (case F06)")
  func noSpace() throws {
    try inFolder { folder in
      let model = try RandomModel().write(in: folder)
      let inputs = try contents(model)
      let output = folder.appendingPathComponent("out").path
      let command = ["quantize", model, "-o", output] + Self.recipe.dropLast()
      for (limit, extra, file) in [
        (16, [], ".job/gradients.safetensors"), (16, ["--guidance", "0"], ".job/block-00000.safetensors"),
        (64, [], "/model.safetensors"),
      ] {
        let run = try Program.run(command + extra, fileLimit: limit)
        #expect(run.status == 73)
        #expect(run.errors.contains(output + file) && run.errors.contains("bytes needed"), "\(run.errors)")
        #expect(try contents(output).isEmpty)
        #expect(try contents(output + ".job").keys.allSatisfy { !$0.hasSuffix(".partial") })
      }
      #expect(try Program.run(command).status == 0)
      let dense = folder.appendingPathComponent("dense").path
      let convert = ["convert", output, "-o", dense, "--dequantize"]
      let run = try Program.run(convert, fileLimit: 64)
      #expect(run.status == 73)
      #expect(run.errors.contains(dense + "/model.safetensors") && run.errors.contains("bytes needed"), "\(run.errors)")
      #expect(try contents(dense).isEmpty)
      // Not even the message can be written: still an ordinary end.
      #expect(try Program.run(convert, fileLimit: 0).status == 73)
      #expect(try Program.run(convert).status == 0)
      #expect(try contents(model) == inputs)
    }
  }

  @Test("An output below a file instead of a folder ends with 73")
  func blockedOutput() throws {
    try inFolder { folder in
      let model = try RandomModel(hidden: 32, blocks: 1).write(in: folder)
      let blocked = model + "/config.json/out"
      let job = folder.appendingPathComponent("job").path
      for arguments in [
        ["convert", model, "-o", blocked, "--dequantize"], ["quantize", model, "-o", blocked] + Self.recipe.dropLast(),
        ["quantize", model, "-o", blocked, "--job", job] + Self.recipe.dropLast(),
      ] {
        let run = try Program.run(arguments)
        #expect(run.status == 73, "\(run.errors)")
        #expect(run.errors.contains("config.json/out"), "\(run.errors)")
      }
    }
  }
}
