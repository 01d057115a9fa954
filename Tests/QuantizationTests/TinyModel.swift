import Checkpoints
import Foundation
import JSONReader
import Tensors
import TestSupport

/// A two-block Llama with random weights, written as a model folder.
enum TinyModel {
  static let hidden = 32
  static let intermediate = 48
  static let vocabulary = 64

  /// Writes the model into `folder/model` and returns its path.
  ///
  /// Tensors are stored as float16, or float32 where `widely` says so. `edit` may change a tensor before it is written, for instance to plant a NaN.
  static func write(
    in folder: URL, edit: (_ name: String, _ values: inout [Float]) -> Void = { _, _ in },
    widely: (_ name: String) -> Bool = { _ in false }
  ) throws -> String {
    let path = folder.appendingPathComponent("model").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var tensors: [(name: String, tensor: Tensor)] = []
    func add(_ name: String, _ shape: Shape, scale: Double, offset: Float = 0) {
      var random = CounterRandom(seed: 11, stream: UInt64(tensors.count))
      var values = (0..<shape.elementCount).map { _ in
        offset + Float((random.uniform() + random.uniform() + random.uniform() - 1.5) * scale)
      }
      edit(name, &values)
      tensors.append((name, Tensor(values, shape: shape, dtype: widely(name) ? .float32 : .float16)))
    }
    add("model.embed_tokens.weight", [vocabulary, hidden], scale: 1)
    add("model.norm.weight", [hidden], scale: 0.1, offset: 1)
    for block in 0..<2 {
      let prefix = "model.layers.\(block)"
      add("\(prefix).input_layernorm.weight", [hidden], scale: 0.2, offset: 1)
      add("\(prefix).post_attention_layernorm.weight", [hidden], scale: 0.2, offset: 1)
      add("\(prefix).self_attn.q_proj.weight", [hidden, hidden], scale: 0.3)
      add("\(prefix).self_attn.k_proj.weight", [hidden / 2, hidden], scale: 0.3)
      add("\(prefix).self_attn.v_proj.weight", [hidden / 2, hidden], scale: 0.3)
      add("\(prefix).self_attn.o_proj.weight", [hidden, hidden], scale: 0.3)
      add("\(prefix).mlp.gate_proj.weight", [intermediate, hidden], scale: 0.3)
      add("\(prefix).mlp.up_proj.weight", [intermediate, hidden], scale: 0.3)
      add("\(prefix).mlp.down_proj.weight", [hidden, intermediate], scale: 0.3)
    }
    tensors.sort { $0.name < $1.name }
    let writer = try CheckpointWriter(
      folder: path, declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) })
    for entry in tensors { try writer.write(entry.name, entry.tensor) }
    try writer.finish()
    let json = """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(hidden),
       "intermediate_size": \(intermediate), "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 2, "vocab_size": \(vocabulary), "rms_norm_eps": 1e-5, "rope_theta": 10000,
       "max_position_embeddings": 128, "tie_word_embeddings": true, "torch_dtype": "float16",
       "bos_token_id": 1, "eos_token_id": 2}
      """
    try AtomicFile.write(Array(json.utf8), to: path + "/config.json")
    return path
  }

  /// Windows of random ids.
  static func windows(_ count: Int = 6, length: Int = 32) -> [[Int]] {
    (0..<count).map { window in
      (0..<length).map { Int(CounterRandom(seed: 5, stream: UInt64(window)).bits(at: UInt64($0)) % UInt64(vocabulary)) }
    }
  }
}
