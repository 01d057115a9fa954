import Foundation
import TestSupport
import Testing
import VPTQ

@Suite("vptq rotate", .serialized)
struct RotateCommandTests {
  @Test("A turned model goes on with the same greedy text; nothing is written over what is read")
  func wholeRoad() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try RandomModel(hidden: 32, blocks: 2, vocabulary: 64).write(in: folder)
    func text(_ model: String) throws -> String {
      let outcome = try Program.run([
        "generate", model, "--prompt-ids", "1,5,9", "--max-tokens", "12", "--temperature", "0",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.output
    }
    let original = try text(model)
    for parts in ["auto", "values", "residual", "all"] {
      let output = folder.appendingPathComponent(parts).path
      let outcome = try Program.run(["rotate", model, "-o", output, "--parts", parts, "--json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let report = try JSONValue.parse(Array(outcome.output.utf8))
      #expect(try report["tensors"]?.intValue == ModelDirectory(path: output).tensorNames.count)
      #expect(try text(output) == original)
      #expect(try Program.run(["rotate", model, "-o", output, "--parts", parts]).status == 73)
    }
    for command in [["rotate", model], ["convert", model], ["quantize", model, "--preset", "v4-k16-4"]] {
      let inPlace = try Program.run(command + ["-o", model + "/", "--force"])
      #expect(
        inPlace.status == 64 && inPlace.errors.contains("is one of the models that are read"), "\(inPlace.errors)")
    }
    let quantized = folder.appendingPathComponent("q").path
    let text = ["--samples", "4", "--sequence-length", "32"]
    #expect(try Program.run(["quantize", model, "-o", quantized, "--preset", "v4-k16-4"] + text).status == 0)
    let late = try Program.run(["rotate", quantized, "-o", folder.path + "/x"])
    #expect(late.status == 65 && late.errors.contains("before quantizing"))
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/x"))
  }
}
