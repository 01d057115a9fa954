import Foundation
import JSONReader
import LanguageModels
import Tensors

/// Writes the logits of a reference window by window under a temporary name; the last step renames.
///
/// What an interrupted run has written stays and is taken up again.
final class LogitsWriter {
  private let path: String
  private let isNarrow: Bool
  private let file: FileHandle
  /// Whole windows that an earlier run has written.
  private(set) var windows = 0
  private var rows: [CompactDistribution] = []

  private var partial: String { path + ".partial" }

  /// Opens what an earlier run with the same header left, at most `limit` windows of it, or starts anew.
  init(path: String, header: LogitsHeader, upTo limit: Int) throws {
    self.path = path
    isNarrow = header.vocabularySize <= 1 << 16
    var start = LogitsLayout.magic
    let text = Array(header.json.serialized().utf8)
    LogitsLayout.append(UInt32(text.count), to: &start)
    start += text
    var keep = 0
    let partial = path + ".partial"
    if FileManager.default.fileExists(atPath: partial), let old = try? MappedFile(path: partial),
      old.bytes.starts(with: start)
    {
      keep = start.count
      while windows < limit, keep + 8 <= old.bytes.count {
        let size = UInt64(littleEndian: old.bytes.loadUnaligned(fromByteOffset: keep, as: UInt64.self))
        guard size <= UInt64(old.bytes.count - keep - 8) else { break }
        keep += 8 + Int(size)
        windows += 1
      }
    }
    do {
      if keep == 0 {
        try Data(start).write(to: URL(fileURLWithPath: partial))
        keep = start.count
      }
      file = try FileHandle(forUpdating: URL(fileURLWithPath: partial))
      try file.truncate(atOffset: UInt64(keep))
      try file.seekToEnd()
    } catch {
      throw EvaluationError(.cannotWrite, "cannot write \(partial): \(error.localizedDescription)")
    }
  }

  /// Keeps the rows of `logits`, which are followed by `targets`.
  func add(_ logits: Logits, targets: [Int]) {
    let width = logits.vocabularySize
    let empty = CompactDistribution(best: 0, targetLoss: 0, lowest: 0, tail: 0, tokens: [], codes: [])
    var new = [CompactDistribution](repeating: empty, count: targets.count)
    new.withUnsafeMutableBufferPointer { new in
      logits.values.withUnsafeBufferPointer { values in
        guard let result = new.baseAddress, let base = values.baseAddress else { return }
        parallelFor(targets.count) { row in
          result[row] = CompactDistribution(base + row * width, count: width, target: targets[row])
        }
      }
    }
    rows += new
  }

  /// Writes the rows since the last window.
  func endWindow() throws {
    var bytes: [UInt8] = []
    LogitsLayout.append(UInt32(rows.count), to: &bytes)
    for row in rows { LogitsLayout.encode(row, isNarrow: isNarrow, into: &bytes) }
    rows = []
    var size: [UInt8] = []
    LogitsLayout.append(UInt64(bytes.count), to: &size)
    do {
      try file.write(contentsOf: Data(size + bytes))
    } catch {
      throw EvaluationError(.cannotWrite, "cannot write \(partial): \(error.localizedDescription)")
    }
    windows += 1
  }

  /// Forgets the rows of a window that was not finished.
  func abandonWindow() { rows = [] }

  /// Gives the file its name, in place of one that has it.
  func finish() throws {
    do {
      try file.close()
    } catch {
      throw EvaluationError(.cannotWrite, "cannot write \(path): \(error.localizedDescription)")
    }
    guard rename(partial, path) == 0 else {
      throw EvaluationError(.cannotWrite, "cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }
}
