import Checkpoints
import Foundation
import JSONReader
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The results of a quantization's tasks, kept on disk until the model is assembled.
///
/// `job.json` names fingerprints of everything that decides the output; every other file is the result of one task, which it is
/// named after, and is there only when it is complete. Each says in its metadata which weights it was made from.
struct JobFolder: Sendable {
  let path: String

  /// Opens or creates the folder.
  ///
  /// - Parameters:
  ///   - fingerprints: of everything that decides the output, by name.
  ///   - arguments: what a planned job needs to be opened again.
  /// - Throws: `QuantizationError` (`jobMismatch`) if it belongs to other work, (`cannotWrite`) if it cannot be made.
  init(path: String, fingerprints: [(part: String, digest: String)], arguments: JSONValue? = nil) throws {
    self.path = path
    let recorded = Self.recorded(path)
    let others = fingerprints.filter { recorded?[$0.part]?.stringValue != $0.digest }.map(\.part)
    if others.isEmpty, arguments == nil || Self.arguments(path) == arguments { return }
    guard others.isEmpty || recorded == nil || blockFiles.isEmpty else {
      throw QuantizationError(
        .jobMismatch,
        "the job folder \(path) was made with another \(others.joined(separator: " and ")); remove it or give another --job"
      )
    }
    // Results without a marker that can be read belong to nobody, and a marker without blocks holds little work.
    if !others.isEmpty { removeResults() }
    var fields: [(key: String, value: JSONValue)] = [
      ("version", .integer(3)), ("fingerprints", .object(fingerprints.map { ($0.part, .string($0.digest)) })),
    ]
    if let arguments { fields.append(("arguments", arguments)) }
    try write(.object(fields), to: Self.marker(path))
  }

  /// A folder as it is.
  init(existing path: String) { self.path = path }

  /// The fingerprints in a folder.
  private static func recorded(_ path: String) -> JSONValue? { content(path)?["fingerprints"] }

  private static func content(_ path: String) -> JSONValue? {
    FileManager.default.contents(atPath: marker(path)).flatMap { try? JSONValue.parse([UInt8]($0)) }
  }

  /// What a job was planned with; nil if it was not.
  static func arguments(_ path: String) -> JSONValue? { content(path)?["arguments"] }

  /// The name of the fingerprint of second moments that are read.
  static let readStatistics = "second moments"

  /// Whether the work in a folder reads its second moments; nil where there is none.
  static func readsStatistics(_ path: String) -> Bool? { recorded(path).map { $0[readStatistics] != nil } }

  /// Whether work is under way in a folder.
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: marker(path)) }

  private static func marker(_ path: String) -> String { path + "/job.json" }

  /// What all tasks of `SensitivityAnalysis` together found.
  static let sensitivityFile = "sensitivity.json"
  /// The digests of weights that a planned job was made for.
  static let digestFile = "weights.json"

  /// Where the result of a task lies.
  func file(_ task: JobTask) -> String { task.file.contains("/") ? task.file : path + "/" + task.file }

  /// Writes a small file, complete or not at all.
  func write(_ value: JSONValue, to path: String) throws {
    do {
      try JSONFile.write(value, to: path)
    } catch let error as CheckpointError {
      throw QuantizationError(.cannotWrite, "cannot write the job folder: \(error.message)")
    }
  }

  /// Removes what this program put into the folder, the marker last, and the folder itself if nothing else is there.
  func remove() {
    removeResults()
    let kept = path + "/" + Self.checkpoints
    for name in (try? FileManager.default.contentsOfDirectory(atPath: kept)) ?? [] {
      unlink("\(kept)/\(name)/tuning.safetensors")
      unlink("\(kept)/\(name)/.tuning.safetensors.partial")
      rmdir("\(kept)/\(name)")
    }
    rmdir(kept)
    for name in Self.subfolders {
      for file in (try? FileManager.default.contentsOfDirectory(atPath: path + "/" + name)) ?? [] {
        unlink(path + "/" + name + "/" + file)
      }
      rmdir(path + "/" + name)
    }
    unlink(Self.marker(path))
    rmdir(path)
  }

  /// Removes the folder of finished work, whatever it belongs to.
  static func remove(at path: String) { JobFolder(existing: path).remove() }

  /// What else a shared job has: who works on what, what went wrong, what was said, what was submitted.
  static let claims = "claims"
  static let failures = "failures"
  static let logs = "logs"
  /// Where tasks of tuning stand, a folder for each.
  static let checkpoints = "checkpoints"
  static let subfolders = [claims, failures, logs]

  /// The names of all files in the folder.
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  private var blockFiles: [String] { names.filter { $0.hasPrefix("block-") && $0.hasSuffix(".safetensors") } }

  private static let resultPrefixes = [
    "block-", "statistics-", "advance-", "analysis-", "gradients", "sensitivity", "calibration.", "weights.json",
    "submission.json", "job.json.", "original-", "tuning", "tuned-",
  ]

  private func removeResults() {
    for name in names {
      let isPartial = name.hasPrefix(".") && name.hasSuffix(".partial")
      let bare = isPartial ? String(name.dropFirst()) : name
      guard isPartial || name.hasSuffix(".safetensors") || name.hasSuffix(".json"), name != "job.json",
        Self.resultPrefixes.contains(where: bare.hasPrefix)
      else { continue }
      unlink(path + "/" + name)
    }
  }
}

/// The matrices of a task of a job folder.
struct FinishedBlock {
  let file: SafetensorsFile
  let reports: [MatrixReport]
}
