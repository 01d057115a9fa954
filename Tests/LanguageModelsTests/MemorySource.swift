import Checkpoints
import JSONReader
import Tensors

@testable import LanguageModels

/// Tensors in memory under the names of a one-block Llama.
struct MemorySource: TensorSource {
  var tensors: [String: Tensor] = [:]

  func contains(_ name: String) -> Bool { tensors[name] != nil }

  func tensor(named name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw CheckpointError(.missingTensor, "there is no tensor \"\(name)\"") }
    return tensor
  }

  /// The given tensors.
  init(tensors: [String: Tensor]) { self.tensors = tensors }

  /// Random weights of the shapes that `configuration` needs; `head` adds an output head.
  init(_ configuration: ModelConfiguration, head: Bool) {
    let c = configuration
    let (query, key) = (c.headCount * c.headDimension, c.keyValueHeadCount * c.headDimension)
    var shapes: [(String, Shape)] = [
      ("model.embed_tokens.weight", [c.vocabularySize, c.hiddenSize]), ("model.norm.weight", [c.hiddenSize]),
    ]
    for block in 0..<c.layerCount {
      let prefix = "model.layers.\(block)"
      shapes += [
        ("\(prefix).input_layernorm.weight", [c.hiddenSize]),
        ("\(prefix).post_attention_layernorm.weight", [c.hiddenSize]),
        ("\(prefix).self_attn.q_proj.weight", [query, c.hiddenSize]),
        ("\(prefix).self_attn.k_proj.weight", [key, c.hiddenSize]),
        ("\(prefix).self_attn.v_proj.weight", [key, c.hiddenSize]),
        ("\(prefix).self_attn.o_proj.weight", [c.hiddenSize, query]),
        ("\(prefix).mlp.gate_proj.weight", [c.intermediateSize, c.hiddenSize]),
        ("\(prefix).mlp.up_proj.weight", [c.intermediateSize, c.hiddenSize]),
        ("\(prefix).mlp.down_proj.weight", [c.hiddenSize, c.intermediateSize]),
      ]
    }
    if head { shapes.append(("lm_head.weight", [c.vocabularySize, c.hiddenSize])) }
    for (index, (name, shape)) in shapes.enumerated() {
      let random = CounterRandom(seed: 21, stream: UInt64(index))
      tensors[name] = Tensor(
        (0..<shape.elementCount).map { Float(random.uniform(at: UInt64($0)) - 0.5) }, shape: shape)
    }
  }
}
