import Foundation
import TestSupport
import Testing
import VPTQ

@Suite("vptq tune", .serialized)
struct TuneCommandTests {
  @Test("quantize, then tune on text of the reference's own; --json tells every step's loss")
  func wholeRoad() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try RandomModel(hidden: 32, blocks: 2, vocabulary: 64).write(in: folder)
    let (quantized, tuned) = (folder.appendingPathComponent("q").path, folder.appendingPathComponent("t").path)
    let text = ["--samples", "4", "--sequence-length", "32"]
    #expect(try Program.run(["quantize", model, "-o", quantized, "--preset", "v4-k16-4"] + text).status == 0)
    let arguments =
      ["tune", quantized, "--reference", model, "--steps", "20", "--tokens", "24", "--rate", "0.01"] + text
    let outcome = try Program.run(arguments + ["-o", tuned, "--json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try JSONValue.parse(Array(outcome.output.utf8))
    #expect(report["losses"]?.arrayValue?.count == 20)
    let (first, last) = (report["first_loss"]?.doubleValue, report["last_loss"]?.doubleValue)
    #expect(try #require(last) < #require(first))
    #expect(try Program.run(["generate", tuned, "--prompt-ids", "1,5,9", "--max-tokens", "3"]).status == 0)

    let again = try Program.run(arguments + ["-o", tuned])
    #expect(again.status == 73 && again.errors.contains("already holds a model"))
    let inPlace = try Program.run(arguments + ["-o", quantized, "--force"])
    #expect(inPlace.status == 64 && inPlace.errors.contains("is one of the models that are read"))
    let dense = try Program.run(
      ["tune", model, "--reference", model, "-o", folder.path + "/x", "--tokens", "24"] + text)
    #expect(dense.status == 65 && dense.errors.contains("has no vector-quantized matrix"))
    let blocks = folder.appendingPathComponent("b").path
    let inOne = try Program.run(
      ["quantize", model, "-o", blocks, "--preset", "v4-k16-4", "--tune", "block", "--json"] + text)
    #expect(inOne.status == 0, "\(inOne.errors)")
    let tuning = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: blocks + "/quantization.json"))))
    #expect(tuning["tuning"]?["mode"]?.stringValue == "block")
    let mode = try Program.run(arguments + ["-o", folder.path + "/x", "--mode", "half"])
    #expect(mode.status == 64 && mode.errors.contains("--mode must be full or block, not half"))
    let tokens = try Program.run(["tune", quantized, "--reference", model, "-o", folder.path + "/x", "--tokens", "500"])
    #expect(tokens.status == 64 && tokens.errors.contains("beyond the model's 128 positions"))
  }
}
