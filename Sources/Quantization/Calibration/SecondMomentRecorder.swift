import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors

/// Writes the second moments of each block, as they are measured, into a folder.
struct SecondMomentRecorder {
  private let folder: SecondMomentFolder
  private let configuration: ModelConfiguration
  /// Of each block, the fingerprint of the model as far as it depends on it.
  private let models: [String]
  private let weighing: String?

  /// Looks at what an earlier run has written.
  ///
  /// - Parameters:
  ///   - windows: the calibration text, unless the model is yet to write it.
  ///   - weighing: how tokens count; nil where all count alike.
  ///   - digests: of the weights on which each block depends.
  /// - Throws: `QuantizationError` (`badStatistics`) if the folder holds other statistics.
  init(
    _ folder: SecondMomentFolder, model: ModelDirectory, windows: CalibrationWindows?, weighing: String?,
    digests: [String]
  ) throws {
    self.folder = folder
    configuration = try ModelConfiguration(model)
    self.weighing = weighing
    models = digests.map { SecondMomentFolder.modelFingerprint(model, weights: $0) }
    for block in models.indices {
      let expected = metadata(block, windows)
      let path = folder.file(block: block)
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let found = try SafetensorsFile(path: path).metadata
      guard expected.allSatisfy({ found[$0.key] == $0.value }) else {
        throw QuantizationError(
          .badStatistics, "\(path) holds second moments of another model or text; remove it or name another folder")
      }
    }
  }

  private func metadata(_ block: Int, _ windows: CalibrationWindows?) -> [String: String] {
    var metadata = ["model": models[block]]
    if let windows {
      var print = Fingerprint()
      print.add(windows)
      if let weighing { print.add(weighing) }
      metadata["calibration"] = print.text
    }
    return metadata
  }

  /// Whether the file of a block is not there yet.
  func isPending(_ block: Int) -> Bool { !FileManager.default.fileExists(atPath: folder.file(block: block)) }

  /// Writes the file of one block, complete or not at all.
  func write(_ moments: any SecondMomentSource, block: Int, windows: CalibrationWindows) throws {
    let inputs = configuration.inputs(ofBlock: block)
    var declarations: [TensorDeclaration] = []
    for entry in inputs where try moments.tokens(entry.input) > 0 {
      declarations.append(
        (SecondMomentFolder.tensorName(entry.readers[0]), .float64, [entry.width * (entry.width + 1) / 2]))
    }
    var metadata = metadata(block, windows)
    metadata["tokens"] = JSONValue.object(
      try inputs.map { ($0.readers[0], .integer(try moments.tokens($0.input))) }
    ).serialized(pretty: false)
    let writer = try SafetensorsWriter(path: folder.file(block: block), declarations: declarations, metadata: metadata)
    for entry in inputs {
      guard let mean = try moments.mean(entry.input) else { continue }
      try writer.append(
        SecondMomentFolder.tensorName(entry.readers[0]), Self.lowerTriangle(mean, width: entry.width))
    }
    try writer.finish()
  }

  /// The rows of a symmetric matrix up to the diagonal, one after the other.
  private static func lowerTriangle(_ values: [Double], width: Int) -> Tensor {
    Tensor(dtype: .float64, shape: [width * (width + 1) / 2]) { target in
      values.withUnsafeBytes { source in
        let size = MemoryLayout<Double>.size
        for row in 0..<width {
          let line = UnsafeRawBufferPointer(rebasing: source[(row * width * size)..<((row * width + row + 1) * size)])
          UnsafeMutableRawBufferPointer(rebasing: target[(row * (row + 1) / 2 * size)...]).copyMemory(from: line)
        }
      }
    }
  }
}
