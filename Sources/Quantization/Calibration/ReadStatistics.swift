import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Second moments that an earlier run or a conversion has written; no text is run.
final class ReadStatistics {
  private let files: [Int: SecondMomentFile]

  /// Maps the files of those blocks that have matrices to quantize, and checks that all their inputs are there.
  ///
  /// - Parameter digests: of the weights on which each block depends.
  /// - Throws: `QuantizationError`: `missingInput`, `badStatistics`; or what opening a damaged file throws.
  init(
    _ folder: SecondMomentFolder, model: ModelDirectory, inputsOfBlock: [Int: [LinearInput: Int]], digests: [String]
  ) throws {
    let configuration = try ModelConfiguration(model)
    var files: [Int: SecondMomentFile] = [:]
    for (index, inputs) in inputsOfBlock.sorted(by: { $0.key < $1.key }) {
      let file = try SecondMomentFile(
        folder, block: index, configuration: configuration,
        model: SecondMomentFolder.modelFingerprint(model, weights: digests[index]))
      try file.check(inputs.keys)
      files[index] = file
    }
    self.files = files
  }

  /// Adds to a fingerprint what tells these statistics from others.
  func add(to print: inout Fingerprint) throws {
    for (index, file) in files.sorted(by: { $0.key < $1.key }) {
      print.add(index)
      try file.add(to: &print)
    }
  }

  /// The second moments of a block with matrices to quantize.
  func moments(ofBlock index: Int) throws -> any SecondMomentSource {
    guard let file = files[index] else {
      throw QuantizationError(.badStatistics, "there are no second moments of block \(index)")
    }
    return file
  }
}
