import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Quantization jobs", .serialized)
struct QuantizationJobTests {
  /// The bytes of the model do not depend on how the text is divided, nor on how matrices are: 30 windows in 1, 3 and 8 shards.
  @Test(
    "A job gives the bytes of vptq quantize, whatever its division",
    arguments: [
      (JobArguments.Moments.measured, nil as BitBudget?), (.measured, BitBudget(bits: 4.5)), (.sequential, nil),
    ])
  func sameBytes(moments: JobArguments.Moments, budget: BitBudget?) throws {
    try TinyJob.inFolder { jobs in
      let preset = budget == nil ? "v4-k16-4" : "v2-k16"
      let expected = try jobs.quantized(
        "whole", jobs.arguments("whole", preset: preset, budget: budget, moments: moments))
      #expect(expected["model.safetensors"] != nil)
      for (shards, parts) in [(1, 1), (3, 2), (8, 16)] {
        let name = "out-\(shards)"
        let job = try jobs.plan(
          name, jobs.arguments(name, preset: preset, budget: budget, moments: moments, shards: shards, parts: parts))
        try JobWorker(job).runAll()
        #expect(job.status().isFinished)
        #expect(try job.merge().matrices.count == 14)
        let written = try FolderContents.read(jobs.path(name))
        #expect(written == expected, "\(shards) shards")
        // Of residual streams and sums nothing is left.
        let left = try FileManager.default.contentsOfDirectory(atPath: job.path).filter {
          $0.hasPrefix("statistics-") || $0.hasPrefix("advance-") || $0.hasPrefix("analysis-0")
        }
        #expect(left == [])
        job.remove()
        #expect(!FileManager.default.fileExists(atPath: job.path))
      }
    }
  }

  @Test("Second moments of 1, 3 and 8 shards have the same bytes, and serve as those of one process do")
  func secondMoments() throws {
    try TinyJob.inFolder { jobs in
      let expected = try jobs.quantized("whole", jobs.arguments("whole", moments: .saved(jobs.path("moments"))))
      let moments = try FolderContents.read(jobs.path("moments"))
      #expect(moments.count == 2)
      for shards in [1, 3, 8] {
        let kept = jobs.path("moments-\(shards)")
        let name = "out-\(shards)"
        let job = try jobs.plan(name, jobs.arguments(name, moments: .saved(kept), shards: shards))
        try JobWorker(job).runAll()
        _ = try job.merge()
        #expect(try FolderContents.read(kept) == moments, "\(shards) shards")
        #expect(try FolderContents.read(jobs.path(name)) == expected, "\(shards) shards")
      }
      let job = try jobs.plan("read", jobs.arguments("read", moments: .read(jobs.path("moments-3")), parts: 16))
      #expect(job.graph.tasks.count == 14)
      try JobWorker(job).runAll()
      _ = try job.merge()
      #expect(try FolderContents.read(jobs.path("read")) == expected)
    }
  }

  @Test("A plain run whose residual stream does not fit goes through the job folder, to the same bytes")
  func spilled() throws {
    try TinyJob.inFolder { jobs in
      let expected = try jobs.quantized("whole", jobs.arguments("whole"))
      let folder = try ModelDirectory(path: jobs.model)
      var quantizer = ModelQuantizer(
        model: folder,
        plan: try QuantizationPlan(
          configuration: .init(folder), recipe: try QuantizationRecipe(preset: "v4-k16-4")),
        statistics: .measured(TinyJob.windows), output: jobs.path("out"))
      quantizer.activationMemory = 1000
      let spill = jobs.path("out.job/statistics-00000-000.safetensors")
      let wasSpilled = Mutex(false)
      _ = try quantizer.run(isCancelled: {
        if FileManager.default.fileExists(atPath: spill) { wasSpilled.withLock { $0 = true } }
        return false
      })
      #expect(wasSpilled.withLock { $0 })
      #expect(try FolderContents.read(jobs.path("out")) == expected)
      #expect(!FileManager.default.fileExists(atPath: jobs.path("out.job")))
    }
  }

  @Test("Four workers side by side give the bytes of one")
  func workers() throws {
    try TinyJob.inFolder { jobs in
      let budget = BitBudget(bits: 4.5)
      let expected = try jobs.quantized("whole", jobs.arguments("whole", preset: "v2-k16", budget: budget))
      let arguments = try jobs.arguments("out", preset: "v2-k16", budget: budget, shards: 4, parts: 4)
      let planned = try jobs.plan("out", arguments)
      #expect(jobs.work(on: "out.job", workers: 4) == [])
      _ = try planned.merge()
      #expect(try FolderContents.read(jobs.path("out")) == expected)
    }
  }

  @Test("A task waits for what it reads, is done once, and is refused by number if there is none")
  func single() throws {
    try TinyJob.inFolder { jobs in
      let job = try jobs.plan("out", jobs.arguments("out", shards: 2))
      let worker = JobWorker(job)
      let last = job.graph.tasks.count - 1
      func refusal(_ index: Int) -> QuantizationError? {
        do {
          _ = try worker.run(index: index, waits: false)
          return nil
        } catch { return error as? QuantizationError }
      }
      #expect(refusal(last + 1)?.message == "there is no task \(last + 1); the job has tasks 0 to \(last)")
      let waiting = try #require(refusal(last))
      #expect(waiting.code == .incomplete && waiting.message.contains("waits for"), "\(waiting.message)")
      #expect(try worker.run(index: 0, waits: false) == .ran(0))
      #expect(try worker.run(index: 0, waits: false) == .alreadyDone)
      #expect(throws: QuantizationError.self) { try job.merge() }
      // With `waits`, a worker does what its task needs.
      #expect(try worker.run(index: last, waits: true) == .ran(last))
      while try worker.runNext() != .finished {}
      _ = try job.merge()
    }
  }

  @Test("A task that fails is told, blocks what reads of it, and is tried again when asked")
  func failing() throws {
    try TinyJob.inFolder { jobs in
      let job = try jobs.plan("out", jobs.arguments("out", parts: 16))
      // Where the result of the first matrix belongs there is a folder.
      let name = try #require(job.graph.tasks.first { $0.stage == "quantization" }).name
      let obstacle = job.path + "/" + name + ".safetensors"
      try FileManager.default.createDirectory(atPath: obstacle + "/in the way", withIntermediateDirectories: true)
      let worker = JobWorker(job)
      #expect(throws: (any Error).self) { try worker.runAll() }
      let status = job.status()
      #expect(status.failures.map(\.task) == [name] && !status.isFinished)
      #expect(status.stages.map(\.failed).reduce(0, +) == 1)
      // The others are done all the same.
      let error = #expect(throws: QuantizationError.self) { try worker.runAll() }
      #expect(error?.code == .taskFailed)
      #expect(error?.message.contains("1 task that failed (\(name)") == true, "\(error?.message ?? "")")
      #expect(job.status().stages.map(\.done).reduce(0, +) == job.graph.tasks.count - 1)
      try FileManager.default.removeItem(atPath: obstacle)
      worker.retriesFailed = true
      try worker.runAll()
      #expect(job.status().isFinished && job.status().failures.isEmpty)
      _ = try job.merge()
    }
  }

  @Test("A damaged result and changed weights are refused when the model is put together")
  func verified() throws {
    try TinyJob.inFolder { jobs in
      let job = try jobs.plan("out", jobs.arguments("out"))
      try JobWorker(job).runAll()
      let path = job.path + "/block-00001.safetensors"
      let sound = try Data(contentsOf: URL(fileURLWithPath: path))
      var damaged = sound
      damaged[damaged.count - 9] ^= 1
      try damaged.write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: QuantizationError.self) { try job.merge() }
      #expect(error?.code == .badStatistics && error?.message.contains(path) == true)
      try sound.write(to: URL(fileURLWithPath: path))
      _ = try TinyModel.write(in: jobs.folder) { name, values in
        if name == "model.layers.1.mlp.up_proj.weight" { values[3] = 0.5 }
      }
      let changed = #expect(throws: QuantizationError.self) { try QuantizationJob(path: job.path).merge() }
      #expect(changed?.code == .jobMismatch)
      #expect(changed?.message.contains("from block 1 on") == true, "\(changed?.message ?? "")")
      _ = try TinyModel.write(in: jobs.folder)
      _ = try QuantizationJob(path: job.path).merge()
    }
  }

  @Test("A job planned again keeps its results; planned with other arguments it is refused by name")
  func replanned() throws {
    try TinyJob.inFolder { jobs in
      let job = try jobs.plan("out", jobs.arguments("out", shards: 2))
      while try JobWorker(job).runNext() != .finished {}
      #expect(try jobs.plan("out", jobs.arguments("out", shards: 2)).status().isFinished)
      let recipe = #expect(throws: QuantizationError.self) {
        try jobs.plan("out", jobs.arguments("out", preset: "v4-k16", shards: 2))
      }
      #expect(recipe?.message.contains("another recipe;") == true, "\(recipe?.message ?? "")")
      let division = #expect(throws: QuantizationError.self) { try jobs.plan("out", jobs.arguments("out", shards: 3)) }
      #expect(division?.message.contains("another division of the work;") == true, "\(division?.message ?? "")")
      #expect(throws: QuantizationError.self) { try QuantizationJob(path: jobs.path("nowhere")) }
    }
  }
}
