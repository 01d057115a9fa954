import Foundation
import TestSupport
import Testing
import VPTQ

@Suite("vptq job", .serialized)
struct JobCommandTests {
  private func inFolder(_ body: (_ path: (String) -> String, _ model: String) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try RandomModel(hidden: 32, blocks: 2, hasTokenizer: true).write(in: folder)
    try Data(String(repeating: "The cat sat on the mat. ", count: 60).utf8)
      .write(to: folder.appendingPathComponent("text"))
    try body({ folder.appendingPathComponent($0).path }, model)
  }

  private let recipe = ["--preset", "v4-k16-4", "--samples", "8", "--sequence-length", "32"]

  private func document(_ run: Program.Outcome) throws -> JSONValue { try JSONValue.parse(Array(run.output.utf8)) }

  @Test("Two processes of a planned job give the bytes of vptq quantize; status, numbers and lanes on the way")
  func wholeRoad() throws {
    try inFolder { (path: (String) -> String, model: String) throws in
      let options = recipe + ["--calibration", path("text")]
      #expect(try Program.run(["quantize", model, "-o", path("whole"), "--quiet"] + options).status == 0)
      let job = path("q.job")
      let plan = try Program.run(["job", "plan", job, model, "-o", path("out"), "--shards", "2", "--json"] + options)
      #expect(plan.status == 0, "\(plan.errors)")
      let stages = try document(plan)["stages"]?.arrayValue ?? []
      #expect(
        stages.map { $0["name"]?.stringValue } == ["gradients", "statistics", "quantization"]
          && stages.map { $0["lanes"]?.intValue } == [1, 2, 14], "\(plan.output)")

      let early = try Program.run(["job", "run", job, "--index", "3"])
      #expect(early.status == 65 && early.errors.contains("waits for"), "\(early.errors)")
      #expect(try document(Program.run(["job", "run", job, "--json"]))["tasks"]?.arrayValue?.count == 1)
      let lane = try Program.run(["job", "run", job, "--stage", "1", "--lane", "0", "--json"])
      #expect(try document(lane)["outcome"]?.stringValue == "ran", "\(lane.errors)")
      let unfinished = try Program.run(["job", "merge", job])
      #expect(unfinished.status == 65 && unfinished.errors.contains("is not finished"), "\(unfinished.errors)")
      #expect(!FileManager.default.fileExists(atPath: path("out")))

      let submit = try Program.run(["job", "submit", job, "--engine", "local", "--parallel", "2"])
      #expect(submit.status == 0, "\(submit.errors)")
      let status = try document(Program.run(["job", "status", job, "--json"]))
      #expect(status["finished"]?.boolValue == true && status["done"]?.intValue == status["tasks"]?.intValue)
      let merge = try Program.run(["job", "merge", job, "--remove", "--json"])
      #expect(merge.status == 0, "\(merge.errors)")
      #expect(try document(merge)["layers"]?.arrayValue?.count == 14)
      #expect(try FolderContents.read(path("out")) == FolderContents.read(path("whole")))
      #expect(!FileManager.default.fileExists(atPath: job))
    }
  }

  @Test("Text of the model's own is a task; a budget spends the same bits as vptq quantize")
  func ownText() throws {
    try inFolder { (path: (String) -> String, model: String) throws in
      let options = ["--bits", "4.5", "--samples", "4", "--sequence-length", "32"]
      #expect(try Program.run(["quantize", model, "-o", path("whole"), "--quiet"] + options).status == 0)
      #expect(try Program.run(["job", "plan", path("q.job"), model, "-o", path("out")] + options).status == 0)
      #expect(try Program.run(["job", "run", path("q.job"), "--all", "--quiet"]).status == 0)
      #expect(try Program.run(["job", "merge", path("q.job")]).status == 0)
      #expect(try FolderContents.read(path("out")) == FolderContents.read(path("whole")))
    }
  }

  @Test("Activations beyond --activation-memory go through the job folder, to the same bytes")
  func activationMemory() throws {
    try inFolder { (path: (String) -> String, model: String) throws in
      let options = recipe + ["--calibration", path("text"), "--quiet"]
      #expect(try Program.run(["quantize", model, "-o", path("whole")] + options).status == 0)
      #expect(
        try Program.run(["quantize", model, "-o", path("out"), "--activation-memory", "1kB"] + options).status == 0)
      #expect(try FolderContents.read(path("out")) == FolderContents.read(path("whole")))
      #expect(!FileManager.default.fileExists(atPath: path("out.job")))
    }
  }

  @Test("Wrong use is refused with 64, what is not there with 66")
  func refused() throws {
    try inFolder { (path: (String) -> String, model: String) throws in
      let cases: [([String], Int32, String)] = [
        (["job", "run", path("nowhere")], 66, "is no planned job"),
        (["job", "status", path("nowhere")], 66, "is no planned job"),
        (["job", "plan", path("q.job"), model, "-o", path("out"), "--shards", "0"], 64, "--shards must be"),
        (["job", "plan", path("q.job"), model, "-o", model], 73, "already holds a model"),
        (["job", "run", path("q.job"), "--next", "--all"], 64, "give one of"),
        (["job", "run", path("q.job"), "--stage", "1"], 64, "go together"),
        (["job", "submit", path("q.job"), "--engine", "cloud"], 64, "local or slurm"),
      ]
      for (arguments, status, reason) in cases {
        let run = try Program.run(arguments)
        #expect(run.status == status && run.errors.contains(reason), "\(arguments): \(run.status) \(run.errors)")
      }
      #expect(!FileManager.default.fileExists(atPath: path("q.job")))
    }
  }
}
