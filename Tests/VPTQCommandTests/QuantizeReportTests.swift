import Foundation
import TestSupport
import Testing
import VPTQ

@Suite("What vptq quantize tells")
struct QuantizeReportTests {
  @Test("A table of all matrices with the error after each step; a warning that names those that collapse")
  func report() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try RandomModel(hidden: 32, blocks: 1, vocabulary: 64).write(in: folder)
    let output = folder.appendingPathComponent("out").path
    let run = try Program.run([
      "quantize", model, "-o", output, "--preset", "v4-k64", "--override", "o_proj=v8-k2", "--samples", "4",
      "--sequence-length", "32", "--verbose",
    ])
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    #expect(
      lines.first?.map(String.init) == [
        "matrix", "shape", "preset", "bits", "nearest", "feedback", "refit", "least", "squares", "descent", "seconds",
      ])
    #expect(lines.count { $0.first?.hasPrefix("model.layers.0.") == true } == 7)
    #expect(run.errors.contains("quality collapses, by its relative error, in model.layers.0.self_attn.o_proj (0."))
    #expect(!run.errors.contains("q_proj ("))

    let record = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: output + "/quantization.json"))))
    #expect(record["collapsed"]?.arrayValue?.compactMap(\.stringValue) == ["model.layers.0.self_attn.o_proj"])
    let layers = try #require(record["layers"]?.arrayValue)
    for (line, layer) in zip(lines.dropFirst(), layers) {
      #expect(line.first.map(String.init) == layer["name"]?.stringValue)
      let last = try #require(layer["steps"]?["descent"]?.doubleValue)
      #expect(abs((Double(line[8]) ?? .nan) - last) < 1e-5)
      #expect(abs(last - (layer["relative_error"]?.doubleValue ?? 0)) < 1e-5)
    }
  }
}
