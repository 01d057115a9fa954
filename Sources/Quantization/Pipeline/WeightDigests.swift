import Checkpoints
import LanguageModels
import Tensors

/// For each block, a digest of the weights on which its quantization depends: the embedding, and all blocks up to it.
///
/// A mended or exchanged weight thereby voids the finished blocks from its own on, and no earlier one.
struct WeightDigests {
  let digests: [String]

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
    if model.contains(embedding) { print.add(try model.tensor(named: embedding)) }
    var digests: [String] = []
    for block in 0..<blocks {
      for name in namesOfBlock[block] ?? [] {
        print.add(name)
        print.add(try model.tensor(named: name))
        model.releasePages()
      }
      digests.append(print.text)
    }
    self.digests = digests
  }
}
