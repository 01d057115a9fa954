import Checkpoints
import Foundation
import JSONReader
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The finished blocks of a quantization, kept on disk until the model is assembled.
///
/// `job.json` names fingerprints; `block-00007.safetensors` holds the tensors of one block and, in its metadata, the
/// report of its matrices and a digest of the weights that it depends on. A block file appears under its name only when it is complete.
struct JobFolder {
  let path: String

  /// Opens or creates the folder.
  ///
  /// - Parameter fingerprints: of everything that decides the output, by name.
  /// - Throws: `QuantizationError` (`jobMismatch`) if it belongs to other work, (`cannotWrite`) if it cannot be made.
  init(path: String, fingerprints: [(part: String, digest: String)]) throws {
    self.path = path
    let marker = Self.marker(path)
    let recorded = Self.recorded(path)
    let others = fingerprints.filter { recorded?[$0.part]?.stringValue != $0.digest }.map(\.part)
    if others.isEmpty { return }
    guard recorded == nil || blockFiles.isEmpty else {
      throw QuantizationError(
        .jobMismatch,
        "the job folder \(path) was made with another \(others.joined(separator: " and ")); remove it or give another --job"
      )
    }
    // Blocks without a marker that can be read belong to nobody, and a marker without blocks holds no work.
    removeBlocks()
    do {
      let json = JSONValue.object([
        ("version", .integer(2)), ("fingerprints", .object(fingerprints.map { ($0.part, .string($0.digest)) })),
      ])
      try AtomicFile.write([UInt8](json.serialized(pretty: true).utf8), to: marker)
    } catch let error as CheckpointError {
      throw QuantizationError(.cannotWrite, "cannot write the job folder \(path): \(error.message)")
    }
  }

  /// The fingerprints in a folder.
  private static func recorded(_ path: String) -> JSONValue? {
    FileManager.default.contents(atPath: marker(path)).flatMap { try? JSONValue.parse([UInt8]($0))["fingerprints"] }
  }

  /// The name of the fingerprint of second moments that are read.
  static let readStatistics = "second moments"

  /// Whether the work in a folder reads its second moments; nil where there is none.
  static func readsStatistics(_ path: String) -> Bool? { recorded(path).map { $0[readStatistics] != nil } }

  /// Whether work is under way in a folder.
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: marker(path)) }

  private static func marker(_ path: String) -> String { path + "/job.json" }

  /// What `SensitivityAnalysis` found.
  static let sensitivityFile = "sensitivity.json"
  /// What `TokenWeighing` found.
  static let gradientFile = "gradients.safetensors"

  /// The file of one block.
  func file(block: Int) -> String {
    let digits = String(block)
    return path + "/block-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".safetensors"
  }

  /// A finished block, if it is there, whole, of these matrices and made from weights of this digest.
  func finished(block: Int, matrices: [MatrixPlan], weights: String) -> FinishedBlock? {
    let name = file(block: block)
    guard FileManager.default.fileExists(atPath: name), let file = try? SafetensorsFile(path: name),
      file.metadata["weights"] == weights, let text = file.metadata["report"],
      let list = try? JSONValue.parse([UInt8](text.utf8)).arrayValue
    else { return nil }
    let reports = list.compactMap(MatrixReport.init)
    guard reports.map(\.name) == matrices.map(\.module) else { return nil }
    return FinishedBlock(file: file, reports: reports)
  }

  /// Writes a block under its final name, complete or not at all.
  func write(
    block: Int, tensors: [(name: String, tensor: Tensor)], reports: [MatrixReport], weights: String
  ) throws -> FinishedBlock {
    let writer = try SafetensorsWriter(
      path: file(block: block),
      declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) },
      metadata: ["report": JSONValue.array(reports.map(\.json)).serialized(pretty: false), "weights": weights])
    for entry in tensors { try writer.append(entry.name, entry.tensor) }
    try writer.finish()
    return FinishedBlock(file: try SafetensorsFile(path: file(block: block)), reports: reports)
  }

  /// Removes what this program put into the folder, the marker last, and the folder itself if nothing else is there.
  func remove() {
    removeBlocks()
    for name in [Self.sensitivityFile, Self.gradientFile] { unlink(path + "/" + name) }
    unlink(Self.marker(path))
    rmdir(path)
  }

  /// Removes the folder of finished work, whatever it belongs to.
  static func remove(at path: String) { JobFolder(path: path).remove() }

  private init(path: String) { self.path = path }

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  private var blockFiles: [String] { names.filter { $0.hasPrefix("block-") && $0.hasSuffix(".safetensors") } }

  private func removeBlocks() {
    let temporary = names.filter {
      ($0.hasPrefix(".block-") || $0.hasPrefix(".job.json.")) && $0.hasSuffix(".partial")
    }
    for name in blockFiles + temporary { unlink(path + "/" + name) }
  }
}

/// A block of a job folder.
struct FinishedBlock {
  let file: SafetensorsFile
  let reports: [MatrixReport]
}
