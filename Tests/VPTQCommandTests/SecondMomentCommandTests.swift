import Foundation
import TestSupport
import Testing

@Suite("vptq quantize --second-moments")
struct SecondMomentCommandTests {
  @Test("Second moments that were saved give the model again without calibration; contradictions are refused with 64")
  func wholeRoad() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let model = try RandomModel(hidden: 32, blocks: 2, vocabulary: 64).write(in: folder)
    func quantize(_ output: String, _ options: [String]) throws -> Program.Outcome {
      try Program.run(["quantize", model, "-o", path(output), "--preset", "v4-k16-4"] + options)
    }
    let text = ["--samples", "4", "--sequence-length", "32"]
    #expect(try quantize("a", text + ["--save-second-moments", path("moments")]).status == 0)
    #expect(try quantize("b", ["--second-moments", path("moments")]).status == 0)
    let weights = ["a", "b"].map { FileManager.default.contents(atPath: path($0) + "/model.safetensors") }
    #expect(weights[0] != nil && weights[0] == weights[1])

    // The same folder by one option for both ways; what it lacks is measured.
    #expect(try quantize("d", text + ["--hessians", path("moments"), "--dry-run", "--json"]).status == 0)
    #expect(try quantize("d", ["--hessians", path("moments")]).status == 0)
    #expect(try quantize("e", text + ["--hessians", path("new")]).status == 0)
    for name in ["d", "e"] {
      #expect(FileManager.default.contents(atPath: path(name) + "/model.safetensors") == weights[0])
    }
    #expect(try FolderContents.read(path("new")) == FolderContents.read(path("moments")))

    let other = try quantize(
      "c", ["--samples", "4", "--sequence-length", "16", "--save-second-moments", path("moments")])
    #expect(other.status == 65 && other.errors.contains("of another model or text"), "\(other.errors)")
    let none = try quantize("c", ["--second-moments", path("nowhere")])
    #expect(none.status == 66 && none.errors.contains("second-moments-00000.safetensors"), "\(none.errors)")
    let contradictions: [([String], String)] = [
      (["--second-moments", "x", "--sequential"], "does not run"),
      (["--second-moments", "x", "--calibration", "y"], "takes the place of --calibration"),
      (["--second-moments", "x", "--sequence-length", "32"], "takes the place of --calibration"),
      (["--second-moments", "x", "--save-second-moments", "y"], "measures nothing"),
      (["--sequential", "--save-second-moments", "y"], "leave one of them out"),
      (["--hessians", "x", "--second-moments", "y"], "leave out"),
      (["--tune", "half"], "none, full, block, or a number of steps"),
    ]
    for (options, reason) in contradictions {
      let run = try quantize("c", options)
      #expect(run.status == 64 && run.errors.contains(reason), "\(run.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: path("c")))
  }
}
