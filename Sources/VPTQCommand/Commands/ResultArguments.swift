import ArgumentParser
import Evaluation
import Foundation

/// Where results are kept, and where an interrupted run goes on.
struct ResultArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep the results as JSON. Finished windows and items are kept beside it until all is done.",
      valueName: "file.json"))
  var save: String?

  @Option(
    help: ArgumentHelp(
      "Where finished windows and items are kept; the same command goes on there (default: FILE.json.partial of --save).",
      valueName: "file"))
  var checkpoint: String?

  private var path: String? { checkpoint ?? save.map { $0 + ".partial" } }

  /// Refuses files that could not be written at the end.
  func check(_ others: [String?]) throws {
    for path in ([save, checkpoint] + others).compactMap(\.self) {
      let url = URL(fileURLWithPath: path)
      let folder = url.deletingLastPathComponent().path
      var isFolder: ObjCBool = false
      let isOccupied = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
      guard !isOccupied, FileManager.default.isWritableFile(atPath: folder) else {
        throw Failure(
          exit: .cannotWrite, code: "cannotWrite",
          message: isOccupied ? "\(path) is a folder" : "cannot write \(path): no folder \(folder) that can be written")
      }
    }
  }

  func openCheckpoint() throws -> EvaluationCheckpoint? { try path.map(EvaluationCheckpoint.init) }

  /// Writes the results; the checkpoint has served its turn.
  func finish(_ record: EvaluationRecord, _ checkpoint: EvaluationCheckpoint?) throws {
    if let save { try record.write(to: save) }
    checkpoint?.remove()
  }

  func interrupted(_ checkpoint: EvaluationCheckpoint?) -> Failure {
    var failure = Failure(CancellationError())
    failure.hint =
      checkpoint == nil
      ? "with --save or --checkpoint, what is done is kept" : "the same command goes on where it stopped"
    return failure
  }
}
