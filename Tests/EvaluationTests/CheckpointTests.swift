import Foundation
import LanguageModels
import Synchronization
import TestSupport
import Testing

@testable import Evaluation

@Suite("Interrupted measurements")
struct CheckpointTests {
  private let ids = (0..<103).map { $0 * 37 % 91 }

  /// A model whose rows differ by position, so that every window has its own loss.
  private func model() throws -> FixedModel {
    try FixedModel(
      rows: (0..<24).map { position in (0..<96).map { Float(($0 * 31 + position * 17) % 23) / 5 } }, positions: 64)
  }

  @Test("A perplexity taken up again has the same bits", arguments: [0, 1, 3, 9])
  func perplexity(windows: Int) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("c").path
    let measurement = Perplexity(context: 10, stride: 7)
    let whole = try measurement.measure(try model(), on: ids)
    let count = Mutex(0)
    #expect(throws: CancellationError.self) {
      _ = try measurement.measure(
        try model(), on: ids, checkpoint: try EvaluationCheckpoint(path: path),
        isCancelled: {
          count.withLock {
            $0 += 1; return $0 > windows
          }
        })
    }
    // A process that is killed may leave half a line.
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(#"{"part":"perplexity","rec"#.utf8))
    try file.close()
    let calls = Mutex(0)
    let checkpoint = try EvaluationCheckpoint(path: path)
    let again = try measurement.measure(
      try model(), on: ids, checkpoint: checkpoint,
      isCancelled: {
        calls.withLock { $0 += 1 }; return false
      })
    #expect(again.value.bitPattern == whole.value.bitPattern)
    #expect(again.losses == whole.losses)
    #expect(calls.withLock { $0 } == whole.windows - windows)
    checkpoint.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("A checkpoint of other work, and a file that is none, are refused by name")
  func mismatch() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("c").path
    _ = try Perplexity(context: 10).measure(try model(), on: ids, checkpoint: try EvaluationCheckpoint(path: path))
    #expect {
      try Perplexity(context: 12).measure(try model(), on: ids, checkpoint: try EvaluationCheckpoint(path: path))
    } throws: {
      ($0 as? EvaluationError)?.code == .mismatch && "\($0)".contains(path)
    }
    try Data("a text of someone\n".utf8).write(to: URL(fileURLWithPath: path))
    #expect { try EvaluationCheckpoint(path: path) } throws: { ($0 as? EvaluationError)?.code == .mismatch }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "a text of someone\n")
  }
}
