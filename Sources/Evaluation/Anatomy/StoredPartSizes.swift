import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// How many bits of a folder's weight files are for what; the sum is the size of the files.
struct StoredPartSizes: Sendable {
  /// Bits of each part that occurs.
  let bits: [StoredPart: Int]

  /// Sorts every tensor of a folder by its name; packed codes are split into main and residual ones and what fills up
  /// their rows.
  ///
  /// `settings` are those of the vector-quantized layers by module, `dense` the other matrices of the blocks.
  init(
    _ folder: ModelDirectory, configuration: ModelConfiguration, settings: [String: LayerSettings], dense: Set<String>
  ) throws {
    var bits: [StoredPart: Int] = [:]
    for name in folder.tensorNames {
      let tensor = try folder.tensor(named: name)
      let size = tensor.shape.elementCount * tensor.dtype.byteCount * 8
      if let (module, rest) = Self.split(name, modules: settings), let layer = settings[module] {
        if rest == "indices", tensor.dtype == .int32 || tensor.dtype == .uint32 {
          let codes = size / 32 / max(1, layer.wordsPerRow) * layer.groupSize
          bits[.codes, default: 0] += codes * layer.mainBits
          bits[.residualCodes, default: 0] += codes * layer.residualBits
          bits[.codePadding, default: 0] += size - codes * layer.codeBits
        } else {
          bits[Self.part(ofQuantized: rest), default: 0] += size
        }
      } else {
        bits[Self.part(of: name, tensor, configuration, dense), default: 0] += size
      }
    }
    bits[.headers] = folder.fileBytes * 8 - bits.values.reduce(0, +)
    self.bits = bits.filter { $0.value > 0 }
  }

  /// A tensor's module, if it is one of `modules`, and its name within it, which may have two parts.
  private static func split(_ name: String, modules: [String: LayerSettings]) -> (module: String, rest: String)? {
    var module = Substring(name)
    for _ in 0..<2 {
      guard let dot = module.lastIndex(of: ".") else { return nil }
      module = module[..<dot]
      if modules[String(module)] != nil { return (String(module), String(name[name.index(after: dot)...])) }
    }
    return nil
  }

  private static func part(ofQuantized name: String) -> StoredPart {
    switch name {
    case "indices": .codes
    case "res_indices": .residualCodes
    case "centroids.weight": .codebooks
    case "res_centroids.weight": .residualCodebooks
    case "outlier_indices": .outlierCodes
    case "outlier_centroids.weight": .outlierCodebooks
    case "weight_scale", "weight_bias": .scales
    case "perm": .permutations
    case "bias": .biases
    default: .other
    }
  }

  private static func part(
    of name: String, _ tensor: Tensor, _ configuration: ModelConfiguration, _ dense: Set<String>
  ) -> StoredPart {
    if name == configuration.embeddingName { return .embedding }
    if name.hasPrefix(configuration.headModule + ".") { return .head }
    if name.hasSuffix(".bias") { return .biases }
    // Scales of blocks of 8-bit floats belong to their matrix.
    if let dot = name.lastIndex(of: "."), dense.contains(String(name[..<dot])) { return .denseMatrices }
    if name.contains("norm"), tensor.shape.rank == 1 { return .norms }
    return .other
  }
}
