import Checkpoints
import Foundation
public import JSONReader

/// What became of every matrix of a model; kept beside the weights as `quantization.json`.
public struct QuantizationRecord: Sendable {
  /// In the order of the work.
  public let matrices: [MatrixReport]

  static let fileName = "quantization.json"

  private var weightCount: Double { Double(matrices.reduce(0) { $0 + $1.shape.reduce(1, *) }) }

  private func perWeight(_ bits: (MatrixReport) -> Int) -> Double {
    Double(matrices.reduce(0) { $0 + bits($1) }) / weightCount
  }

  /// All stored bits of the matrices over their weights.
  public var bitsPerWeight: Double { perWeight(\.storedBits) }
  /// Bits of codes over weights.
  public var indexBitsPerWeight: Double { perWeight(\.indexBits) }
  /// Bits of codebooks over weights.
  public var codebookBitsPerWeight: Double { perWeight(\.codebookBits) }
  /// The mean of all relative errors.
  public var meanRelativeError: Double {
    matrices.reduce(0) { $0 + $1.relativeError } / Double(max(1, matrices.count))
  }

  /// The matrices that little is left of: a relative error above 0.5, or above 0.02 and ten times the median.
  public var collapsed: [MatrixReport] {
    let errors = matrices.map(\.relativeError).sorted()
    let median = errors.isEmpty ? 0 : errors[errors.count / 2]
    return matrices.filter { $0.relativeError > 0.5 || $0.relativeError > max(0.02, 10 * median) }
  }

  /// What `quantize --json` tells; `quantization.json` lacks the seconds.
  public var fields: [(key: String, value: JSONValue)] {
    [
      ("bits_per_weight", .number(bitsPerWeight)), ("index_bits_per_weight", .number(indexBitsPerWeight)),
      ("codebook_bits_per_weight", .number(codebookBitsPerWeight)), ("mean_relative_error", .number(meanRelativeError)),
      ("collapsed", .array(collapsed.map { .string($0.name) })), ("layers", .array(matrices.map(\.json))),
    ]
  }

  /// Writes `quantization.json` into a folder, without times, so that equal models have equal files.
  func write(to folder: String, tuning: JSONValue? = nil) throws {
    let layers = matrices.map { matrix in
      JSONValue.object((matrix.json.objectValue ?? []).filter { $0.key != "seconds" }.map { ($0.key, $0.value) })
    }
    var fields = fields.map { $0.key == "layers" ? ("layers", .array(layers)) : ($0.key, $0.value) }
    if let tuning { fields.append(("tuning", tuning)) }
    try JSONFile.write(.object(fields), to: folder + "/" + Self.fileName)
  }

  /// Copies the file from one folder to another, if there is one, and adds what tuning did.
  static func copy(from folder: String, to output: String, adding tuning: JSONValue) throws {
    let path = folder + "/" + fileName
    guard FileManager.default.fileExists(atPath: path) else { return }
    var fields = try JSONFile.read(path).objectValue ?? []
    fields.removeAll { $0.key == "tuning" }
    fields.append(("tuning", tuning))
    try JSONFile.write(.object(fields), to: output + "/" + fileName)
  }
}
