import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Tuning in jobs", .serialized)
struct TuningJobTests {
  private static let text = TuningText(
    streams: TinyModel.windows(5, length: 24) + [TinyModel.windows(1, length: 90)[0]])

  private func options(_ mode: TuningOptions.Mode, steps: Int = 6) -> TuningOptions {
    var options = TuningOptions(mode: mode, steps: steps, tokens: 20, rate: 0.01)
    options.blockWindows = 4
    options.windowsPerStep = 2
    options.checkpointInterval = 2
    return options
  }

  /// What `vptq quantize` and then `vptq tune` write.
  private func tuned(_ jobs: TinyJob, _ options: TuningOptions, budget: BitBudget? = nil) throws -> [String: Data] {
    _ = try jobs.quantized("plain", jobs.arguments("plain", preset: Self.preset(budget), budget: budget))
    _ = try ModelTuner(
      model: try ModelDirectory(path: jobs.path("plain")), reference: try ModelDirectory(path: jobs.model),
      text: Self.text, options: options, output: jobs.path("tuned")
    ).run()
    return try FolderContents.read(jobs.path("tuned"))
  }

  private static func preset(_ budget: BitBudget?) -> String { budget == nil ? "v4-k16-4" : "v2-k16" }

  private func plan(
    _ jobs: TinyJob, _ name: String, _ options: TuningOptions, budget: BitBudget? = nil, shards: Int = 1, parts: Int = 1
  ) throws -> QuantizationJob {
    var arguments = try jobs.arguments(
      name, preset: Self.preset(budget), budget: budget, shards: shards, parts: parts)
    arguments.tuning = options
    return try QuantizationJob.plan(
      at: jobs.path(name + ".job"), arguments: arguments, windows: TinyJob.windows, tuningText: Self.text)
  }

  @Test(
    "A job that tunes gives the bytes of quantize and then tune, and so does quantize with tuning",
    arguments: [TuningOptions.Mode.block, .full], [nil, BitBudget(bits: 4.5)])
  func sameBytes(mode: TuningOptions.Mode, budget: BitBudget?) throws {
    try TinyJob.inFolder { jobs in
      let expected = try tuned(jobs, options(mode), budget: budget)
      #expect(expected["quantization.json"] != nil && expected["model.safetensors"] != nil)
      let folder = try ModelDirectory(path: jobs.model)
      var quantizer = ModelQuantizer(
        model: folder,
        plan: try QuantizationPlan(
          configuration: .init(folder), recipe: try QuantizationRecipe(preset: Self.preset(budget))),
        statistics: .measured(TinyJob.windows), budget: budget, output: jobs.path("local"))
      quantizer.tuning = .init(options: options(mode), text: Self.text)
      for limit in [ModelQuantizer.defaultActivationMemory, 1000] {
        quantizer.activationMemory = limit
        let summary = try quantizer.run()
        #expect(summary.tuning?.losses.count == (mode == .full ? 6 : 12) && summary.tuning?.resumedSteps == 0)
        #expect(try FolderContents.read(jobs.path("local")) == expected)
        #expect(!FileManager.default.fileExists(atPath: jobs.path("local.job")))
      }
      for (shards, parts) in [(1, 1), (3, 16)] {
        let job = try plan(jobs, "out", options(mode), budget: budget, shards: shards, parts: parts)
        #expect(job.graph.stages.last?.name == "tuning" && job.graph.stages.last?.lanes.count == 1)
        try JobWorker(job).runAll()
        #expect(try job.merge().tuning?.losses.count == (mode == .full ? 6 : 12))
        #expect(try FolderContents.read(jobs.path("out")) == expected)
        let left = try FileManager.default.contentsOfDirectory(atPath: job.path)
        #expect(!left.contains { $0.hasPrefix("original-") || $0.hasPrefix("tuned-") })
        job.remove()
        #expect(!FileManager.default.fileExists(atPath: job.path))
      }
    }
  }

  @Test("Three workers side by side give the bytes of one", arguments: [TuningOptions.Mode.block, .full])
  func workers(mode: TuningOptions.Mode) throws {
    try TinyJob.inFolder { jobs in
      let expected = try tuned(jobs, options(mode))
      let planned = try plan(jobs, "out", options(mode), shards: 3, parts: 4)
      #expect(jobs.work(on: "out.job", workers: 3) == [])
      _ = try planned.merge()
      #expect(try FolderContents.read(jobs.path("out")) == expected)
    }
  }

  /// Workers that are stopped at every so many looks at whether they are to stop, be it in the middle of tuning.
  @Test(
    "A worker that is stopped again and again goes on from checkpoints", arguments: [TuningOptions.Mode.block, .full])
  func stopped(mode: TuningOptions.Mode) throws {
    try TinyJob.inFolder { jobs in
      let expected = try tuned(jobs, options(mode, steps: 9))
      let job = try plan(jobs, "out", options(mode, steps: 9))
      // The quantization is not what is looked at here.
      for task in job.graph.tasks where task.stage == "quantization" {
        _ = try JobWorker(job).run(index: task.index, waits: true)
      }
      var (looks, stops, inTheMiddle) = (0, 0, 0)
      while !job.status().isFinished {
        looks = 0
        do {
          try JobWorker(
            QuantizationJob(path: job.path),
            isCancelled: {
              looks += 1
              return looks % 7 == 0
            }
          ).runAll()
        } catch let error as QuantizationError where error.code == .interrupted { stops += 1 }
        let kept = try? FileManager.default.subpathsOfDirectory(atPath: job.path + "/checkpoints")
        if kept?.contains(where: { $0.hasSuffix("tuning.safetensors") }) == true { inTheMiddle += 1 }
        try #require(stops < 100)
      }
      #expect(inTheMiddle > 0)
      _ = try job.merge()
      #expect(try FolderContents.read(jobs.path("out")) == expected)
    }
  }

  @Test("Another way of tuning does the tuning again and nothing else; none takes what is quantized")
  func replanned() throws {
    try TinyJob.inFolder { jobs in
      let job = try plan(jobs, "out", options(.block))
      try JobWorker(job).runAll()
      let again = try plan(jobs, "out", options(.block, steps: 5))
      let pending = again.pending.map { again.graph.tasks[$0].stage }
      #expect(Set(pending) == ["originals", "tuning"])
      try JobWorker(again).runAll()
      #expect(try again.merge().tuning?.losses.count == 10)
      #expect(try FolderContents.read(jobs.path("out")) == tuned(jobs, options(.block, steps: 5)))
      let whole = try plan(jobs, "out", options(.full))
      #expect(whole.pending.map { whole.graph.tasks[$0].name } == ["tuning"])
      let none = try jobs.plan("out", jobs.arguments("out"))
      #expect(none.status().isFinished)
    }
  }

  @Test("Text of the model's own is tuned on as it is measured on")
  func ownText() throws {
    try TinyJob.inFolder { jobs in
      var arguments = try jobs.arguments("out")
      arguments.writesText = true
      arguments.tuning = options(.block)
      let job = try QuantizationJob.plan(at: jobs.path("out.job"), arguments: arguments, windows: nil)
      let worker = JobWorker(job)
      worker.writesText = { TinyJob.windows }
      try worker.runAll()
      _ = try job.merge()
      _ = try jobs.quantized("plain", jobs.arguments("plain"))
      _ = try ModelTuner(
        model: try ModelDirectory(path: jobs.path("plain")), reference: try ModelDirectory(path: jobs.model),
        text: TuningText(streams: TinyJob.windows.windows), options: options(.block), output: jobs.path("tuned")
      ).run()
      #expect(try FolderContents.read(jobs.path("out")) == FolderContents.read(jobs.path("tuned")))
    }
  }

  @Test("Text that is too short is refused when the job is planned; damaged results when it is merged")
  func refused() throws {
    try TinyJob.inFolder { jobs in
      var long = options(.block)
      long.tokens = 30
      let error = #expect(throws: QuantizationError.self) { try plan(jobs, "out", long) }
      #expect(error?.code == .badCalibration && error?.message.contains("one window needs 30") == true)
      let job = try plan(jobs, "out", options(.block))
      try JobWorker(job).runAll()
      let path = job.path + "/tuning-00001.safetensors"
      var data = try Data(contentsOf: URL(fileURLWithPath: path))
      data[data.count - 5] ^= 1
      try data.write(to: URL(fileURLWithPath: path))
      let damaged = #expect(throws: QuantizationError.self) { try job.merge() }
      #expect(damaged?.code == .badStatistics && damaged?.message.contains(path) == true)
    }
  }
}
