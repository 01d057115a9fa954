import Foundation
import TestSupport
import VPTQ

/// A Llama with random weights, written as a model folder.
struct RandomModel {
  var hidden = 64
  var blocks = 6
  var vocabulary = 256
  var dtype = DType.float16
  /// Adds a `tokenizer.json` with one id per byte; needs a vocabulary of 256.
  var hasTokenizer = false
  /// Values put in place of the random ones, by tensor and index.
  var planted: [(name: String, index: Int, value: Float)] = []

  /// Writes `folder/model` and returns its path.
  func write(in folder: URL) throws -> String {
    let path = folder.appendingPathComponent("model").path
    let writer = try CheckpointWriter(folder: path, declarations: shapes.map { ($0.0, dtype, $0.1) })
    for (index, entry) in shapes.enumerated() {
      let random = CounterRandom(seed: 3, stream: UInt64(index))
      let offset: Float = entry.0.contains("norm") ? 1 : 0
      var values = (0..<entry.1.elementCount).map { Float(random.uniform(at: UInt64($0)) - 0.5) + offset }
      for plant in planted where plant.name == entry.0 { values[plant.index] = plant.value }
      try writer.write(entry.0, Tensor(values, shape: entry.1, dtype: dtype))
    }
    try writer.finish()
    if hasTokenizer { try AtomicFile.write(Array(Self.byteTokenizer.utf8), to: path + "/tokenizer.json") }
    try AtomicFile.write(Array(configuration.utf8), to: path + "/config.json")
    return path
  }

  private var shapes: [(String, Shape)] {
    var shapes: [(String, Shape)] = [
      ("model.embed_tokens.weight", [vocabulary, hidden]), ("model.norm.weight", [hidden]),
    ]
    let intermediate = hidden * 3 / 2
    for block in 0..<blocks {
      let prefix = "model.layers.\(block)"
      for norm in ["input_layernorm", "post_attention_layernorm"] {
        shapes.append(("\(prefix).\(norm).weight", [hidden]))
      }
      for name in ["q_proj", "o_proj"] { shapes.append(("\(prefix).self_attn.\(name).weight", [hidden, hidden])) }
      for name in ["k_proj", "v_proj"] { shapes.append(("\(prefix).self_attn.\(name).weight", [hidden / 2, hidden])) }
      for name in ["gate_proj", "up_proj"] { shapes.append(("\(prefix).mlp.\(name).weight", [intermediate, hidden])) }
      shapes.append(("\(prefix).mlp.down_proj.weight", [hidden, intermediate]))
    }
    return shapes.sorted { $0.0 < $1.0 }
  }

  private var configuration: String {
    """
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(hidden),
     "intermediate_size": \(hidden * 3 / 2), "num_hidden_layers": \(blocks), "num_attention_heads": 4,
     "num_key_value_heads": 2, "vocab_size": \(vocabulary), "rms_norm_eps": 1e-5, "max_position_embeddings": 128,
     "tie_word_embeddings": true, "torch_dtype": "float16", "bos_token_id": 1, "eos_token_id": 2}
    """
  }

  /// The byte-level alphabet: a byte that does not print stands as a character from U+0100 on.
  private static var byteTokenizer: String {
    var next: UInt32 = 256
    var entries: [String] = []
    for byte in UInt8.min...UInt8.max {
      let isShown = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      let code = isShown ? UInt32(byte) : next
      if !isShown { next += 1 }
      entries.append(String(format: "\"\\u%04x\": %d", code, Int(byte)))
    }
    return """
      {"version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null,
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
       "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
       "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                 "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                 "vocab": {\(entries.joined(separator: ", "))}, "merges": []}}
      """
  }
}
