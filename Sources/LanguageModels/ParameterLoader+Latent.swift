import Checkpoints
import Tensors
import VectorQuantization

extension ParameterLoader {
  /// Latent attention, its expanding matrix cut into the parts of each head.
  func latentAttention(
    _ c: AttentionConfiguration, _ latent: LatentConfiguration, _ module: String, _ model: ModelConfiguration
  ) throws -> any Attention {
    let (rank, heads) = (latent.keyValueRank, c.headCount)
    let queryWidth = heads * c.headDimension
    func linear(_ name: String, _ outFeatures: Int, _ inFeatures: Int, _ bias: Bool) throws -> any Linear {
      try self.linear("\(module).\(name)", outFeatures: outFeatures, inFeatures: inFeatures, bias: bias)
    }
    // The norms of latent vectors have this epsilon in all published models, whatever `rms_norm_eps` says.
    func norm(_ name: String, _ count: Int) throws -> RMSNorm {
      RMSNorm(weight: try vector("\(module).\(name).weight", count: count), epsilon: 1e-6)
    }
    let query: LatentAttention.Query
    if let queryRank = latent.queryRank {
      query = .latent(
        down: try linear("q_a_proj", queryRank, model.hiddenSize, latent.bias),
        norm: try norm("q_a_layernorm", queryRank), up: try linear("q_b_proj", queryWidth, queryRank, false))
    } else {
      query = .direct(try linear("q_proj", queryWidth, model.hiddenSize, false))
    }
    let expansions = try self.expansions("\(module).kv_b_proj", latent, heads: heads)
    return LatentAttention(
      configuration: latent, query: query,
      compress: try linear("kv_a_proj_with_mqa", rank + latent.rotaryDimension, model.hiddenSize, latent.bias),
      latentNorm: try norm("kv_a_layernorm", rank), keyExpansions: expansions.keys, valueExpansions: expansions.values,
      output: try linear("o_proj", model.hiddenSize, heads * latent.valueDimension, c.outputBias), rotary: c.rotary,
      mix: AttentionMix(
        headCount: heads, keyValueHeadCount: 1, keyDimension: rank + latent.rotaryDimension, valueDimension: rank,
        scale: c.scale, window: c.window, softCap: c.softCap))
  }

  /// `W_kᵀ` and `W_v` of each head, from `kv_b_proj` whose rows are, head by head, those of keys and those of values.
  ///
  /// A dense matrix keeps its stored type; a quantized or scaled one is decoded to float32.
  private func expansions(
    _ module: String, _ latent: LatentConfiguration, heads: Int
  ) throws -> (keys: [DenseLinear], values: [DenseLinear]) {
    let (rank, plain, value) = (latent.keyValueRank, latent.plainDimension, latent.valueDimension)
    let matrix = try floats(module, outFeatures: heads * (plain + value), inFeatures: rank)
    let stored = source.contains(module + ".weight") ? try source.tensor(named: module + ".weight").dtype : .float32
    let dtype = stored.kernelStorage == nil ? .float32 : stored
    var (keys, values): ([DenseLinear], [DenseLinear]) = ([], [])
    for head in 0..<heads {
      let first = head * (plain + value) * rank
      var transposed = [Float](repeating: 0, count: plain * rank)
      for row in 0..<plain {
        for column in 0..<rank { transposed[column * plain + row] = matrix[first + row * rank + column] }
      }
      let rest = Array(matrix[(first + plain * rank)..<(first + (plain + value) * rank)])
      keys.append(try DenseLinear(name: module, weight: Tensor(transposed, shape: [rank, plain], dtype: dtype)))
      values.append(try DenseLinear(name: module, weight: Tensor(rest, shape: [value, rank], dtype: dtype)))
    }
    return (keys, values)
  }
}
