import Checkpoints
import LanguageModels
import Tensors

/// For each block, a digest of the weights on which its quantization depends: the embedding, and all blocks up to it.
///
/// A mended or exchanged weight thereby voids the finished blocks from its own on, and no earlier one. Of a large tensor
/// only words at even distances count, so that the digest costs next to nothing.
struct WeightDigests {
  let digests: [String]

  /// Bytes taken from a tensor at most.
  private static let sampleLimit = 1 << 16

  /// Digests of the first `blocks` blocks.
  init(_ model: ModelDirectory, blocks: Int) throws {
    let configuration = try ModelConfiguration(model)
    let prefix = configuration.prefix + "layers."
    var namesOfBlock: [Int: [String]] = [:]
    for name in model.tensorNames where name.hasPrefix(prefix) {
      if let block = Int(name.dropFirst(prefix.count).prefix { $0 != "." }) {
        namesOfBlock[block, default: []].append(name)
      }
    }
    var print = Fingerprint()
    let embedding = configuration.embeddingName
    if model.contains(embedding) { try Self.add(try model.tensor(named: embedding), to: &print) }
    var digests: [String] = []
    for block in 0..<blocks {
      for name in namesOfBlock[block] ?? [] {
        print.add(name)
        try Self.add(try model.tensor(named: name), to: &print)
      }
      digests.append(print.text)
    }
    self.digests = digests
  }

  private static func add(_ tensor: Tensor, to print: inout Fingerprint) throws {
    print.add(tensor.dtype.rawValue)
    for extent in tensor.shape.dimensions { print.add(extent) }
    tensor.withUnsafeBytes { bytes in
      let word = 8
      let stride = max(1, bytes.count / sampleLimit) * word
      for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
        print.add(bytes[start..<min(start + word, bytes.count)])
      }
    }
  }
}
