import Checkpoints
import Foundation
import JSONReader
import Tensors

/// A folder with the second moments of a model's linear inputs, one safetensors file per block.
///
/// `second-moments-00007.safetensors` holds, for each distinct input of block 7, a tensor that is named after the first
/// module that reads it (`model.layers.7.self_attn.q_proj.second_moment`): the mean of `x xᵀ`, either its lower triangle row by
/// row, `[d (d + 1) / 2]`, or whole, `[d, d]`, as F64 or F32. Metadata, all optional: `model` and `calibration`
/// (fingerprints), `tokens` (a JSON object: tokens that reached each input, under its module's name).
public struct SecondMomentFolder: Sendable {
  /// The path as given.
  public let path: String

  /// A folder to read from or to write to; nothing is touched yet.
  public init(path: String) {
    self.path = path
  }

  /// The file of one block.
  func file(block: Int) -> String {
    let digits = String(block)
    return path + "/second-moments-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
      + ".safetensors"
  }

  /// Whether there is a file for every block that has matrices to quantize.
  public func hasFiles(for plan: QuantizationPlan) -> Bool {
    Set(plan.matrices.map(\.block)).allSatisfy { FileManager.default.fileExists(atPath: file(block: $0)) }
  }

  /// The name of an input's tensor in the words of one of its readers.
  static func tensorName(_ module: String) -> String { module + ".second_moment" }

  /// Names the model as far as the inputs of one block depend on it, by the digest of the weights up to that block.
  static func modelFingerprint(_ model: ModelDirectory, weights: String) -> String {
    var print = Fingerprint()
    print.add(model.configuration.serialized(pretty: false))
    print.add(weights)
    return print.text
  }
}
