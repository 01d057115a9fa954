import Foundation
import JSONReader
import Synchronization

/// Finished parts of an evaluation in a file, so that an interrupted one goes on where it stopped.
///
/// Lines of JSON, each written when its part is done; a line that was cut is dropped. What is read back has the bits that were
/// written, so that the figures of a run do not depend on interruptions.
public final class EvaluationCheckpoint: Sendable {
  /// The file.
  public let path: String

  private struct State {
    var file: FileHandle?
    var fingerprints: [String: String] = [:]
    var records: [String: [JSONValue]] = [:]
  }

  private let state = Mutex(State())
  private static let mark = "vptq_evaluation_checkpoint"

  /// Opens a checkpoint, or makes one where there is none.
  ///
  /// - Throws: `EvaluationError`: `mismatch` if the file is none, `cannotWrite`.
  public init(path: String) throws {
    self.path = path
    var state = State()
    let keptBytes = try Self.read(path, into: &state)
    if keptBytes == 0 {
      try AtomicFile.write([UInt8](("{\"\(Self.mark)\":1}\n").utf8), to: path)
    }
    do {
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      if keptBytes > 0 { try file.truncate(atOffset: UInt64(keptBytes)) }
      try file.seekToEnd()
      state.file = file
    } catch {
      throw EvaluationError(.cannotWrite, "cannot write the checkpoint \(path): \(error.localizedDescription)")
    }
    let opened = state
    self.state.withLock { $0 = opened }
  }

  /// What an earlier run has recorded of a part, which must belong to the same work.
  ///
  /// - Throws: `EvaluationError` (`mismatch`, `cannotWrite`).
  func records(of part: String, fingerprint: String) throws -> [JSONValue] {
    let known = state.withLock { ($0.fingerprints[part], $0.records[part] ?? []) }
    guard let recorded = known.0 else {
      try write(.object([("part", .string(part)), ("fingerprint", .string(fingerprint))]))
      state.withLock { $0.fingerprints[part] = fingerprint }
      return []
    }
    guard recorded == fingerprint else {
      throw EvaluationError(
        .mismatch,
        "the checkpoint \(path) belongs to another model, text or set of options (\(part)); remove it, or give another one"
      )
    }
    return known.1
  }

  /// Records a finished piece of a part.
  ///
  /// - Throws: `EvaluationError` (`cannotWrite`).
  func append(_ record: JSONValue, to part: String) throws {
    try write(.object([("part", .string(part)), ("record", record)]))
  }

  /// Removes the file; for when everything is done.
  public func remove() {
    state.withLock { state in
      try? state.file?.close()
      state.file = nil
    }
    try? FileManager.default.removeItem(atPath: path)
  }

  private func write(_ line: JSONValue) throws {
    try state.withLock { state in
      do {
        try state.file?.write(contentsOf: Data((line.serialized() + "\n").utf8))
      } catch {
        throw EvaluationError(.cannotWrite, "cannot write the checkpoint \(path): \(error.localizedDescription)")
      }
    }
  }

  /// The bytes of whole lines; 0 where there is no file.
  private static func read(_ path: String, into state: inout State) throws -> Int {
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError(.missingFile, "cannot read the checkpoint \(path)")
    }
    let bytes = [UInt8](data)
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let line = try? JSONValue.parse(Array(bytes[start..<end])) else { break }
      if start == 0 {
        guard line[mark]?.intValue == 1 else { break }
      } else if let part = line["part"]?.stringValue {
        if let fingerprint = line["fingerprint"]?.stringValue { state.fingerprints[part] = fingerprint }
        if let record = line["record"] { state.records[part, default: []].append(record) }
      }
      start = end + 1
    }
    guard start > 0 || bytes.isEmpty else {
      throw EvaluationError(.mismatch, "\(path) is not a checkpoint of an evaluation; remove it, or give another one")
    }
    return start
  }
}
