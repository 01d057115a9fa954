import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Second moments that an earlier run or a conversion has written; no text is run.
final class ReadStatistics: BlockStatistics {
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

  func add(to print: inout Fingerprint) throws {
    for (index, file) in files.sorted(by: { $0.key < $1.key }) {
      print.add(index)
      try file.add(to: &print)
    }
  }

  func isPending(_ index: Int) -> Bool { false }

  func moments(
    ofBlock index: Int, inputs: [LinearInput: Int], progress: (_ share: Double) throws -> Void
  ) throws -> any SecondMomentSource {
    try progress(1)
    return files[index] ?? NoMoments()
  }

  func replace(block index: Int, by source: any TensorSource, settings: QuantizationSettings) {}

  /// Of a block with nothing to quantize.
  private struct NoMoments: SecondMomentSource {
    func mean(_ input: LinearInput) -> [Double]? { nil }
  }
}
