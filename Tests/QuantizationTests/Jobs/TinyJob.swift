import Checkpoints
import Foundation
import LanguageModels
import Synchronization
import TestSupport

@testable import Quantization

/// Jobs of the tiny model, and what one process makes of the same options.
struct TinyJob {
  let folder: URL
  let model: String
  /// 30 windows: 8 passes.
  static let windows = CalibrationWindows(windows: TinyModel.windows(30))

  init(in folder: URL) throws {
    self.folder = folder
    model = try TinyModel.write(in: folder)
  }

  /// Runs `body` with jobs in a folder of their own.
  static func inFolder(_ body: (TinyJob) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(TinyJob(in: folder))
  }

  /// Does all tasks of a job by workers side by side; what went wrong.
  func work(on job: String, workers: Int) -> [String] {
    let errors = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      do {
        try JobWorker(QuantizationJob(path: path(job))).runAll()
      } catch {
        errors.withLock { $0.append("\(error)") }
      }
    }
    return errors.withLock { $0 }
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Arguments of a job that writes to `name`.
  func arguments(
    _ name: String, preset: String = "v4-k16-4", budget: BitBudget? = nil, moments: JobArguments.Moments = .measured,
    shards: Int = 1, parts: Int = 1
  ) throws -> JobArguments {
    var arguments = JobArguments(
      model: model, output: path(name), recipe: try QuantizationRecipe(preset: preset),
      text: (Self.windows.windows.count, 32))
    (arguments.budget, arguments.moments) = (budget, moments)
    arguments.division = JobDivision(shards: shards, partsPerBlock: parts)
    return arguments
  }

  /// A planned job in `name.job`.
  func plan(_ name: String, _ arguments: JobArguments) throws -> QuantizationJob {
    try QuantizationJob.plan(
      at: path(name + ".job"), arguments: arguments,
      windows: { if case .read = arguments.moments { true } else { arguments.writesText } }() ? nil : Self.windows)
  }

  /// The files that `vptq quantize` writes with the same options.
  func quantized(_ name: String, _ arguments: JobArguments) throws -> [String: Data] {
    let folder = try ModelDirectory(path: model)
    let plan = try QuantizationPlan(configuration: try ModelConfiguration(folder), recipe: arguments.recipe)
    let statistics: ModelQuantizer.Statistics =
      switch arguments.moments {
      case .measured: .measured(Self.windows)
      case .saved(let folder): .measured(Self.windows, savedTo: SecondMomentFolder(path: folder))
      case .sequential: .sequential(Self.windows)
      case .read(let folder): .read(SecondMomentFolder(path: folder))
      }
    _ = try ModelQuantizer(
      model: folder, plan: plan, statistics: statistics, budget: arguments.budget, output: path(name)
    ).run()
    return try FolderContents.read(path(name))
  }
}
