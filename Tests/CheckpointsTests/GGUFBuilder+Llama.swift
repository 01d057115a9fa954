extension GGUFBuilder {
  /// A Llama of one layer: width 8, 2 heads of 4 dimensions, 1 key-value head, 4 tokens; row `r` of every matrix
  /// holds `r` in all places, norms hold 1.
  static var llama: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.metadata = [
      ("general.architecture", .string("llama")), ("llama.block_count", .uint32(1)),
      ("llama.embedding_length", .uint32(8)), ("llama.feed_forward_length", .uint32(16)),
      ("llama.attention.head_count", .uint32(2)), ("llama.attention.head_count_kv", .uint32(1)),
      ("llama.context_length", .uint32(64)), ("llama.rope.freq_base", .float32(50000)),
      ("llama.attention.layer_norm_rms_epsilon", .float32(1e-6)), ("tokenizer.ggml.model", .string("gpt2")),
      ("tokenizer.ggml.pre", .string("smollm")), ("tokenizer.ggml.tokens", .strings(["<s>", "<u>", "a", "b"])),
      ("tokenizer.ggml.token_type", .int32s([3, 4, 1, 1])), ("tokenizer.ggml.merges", .strings(["a b"])),
      ("tokenizer.ggml.bos_token_id", .uint32(0)), ("tokenizer.ggml.eos_token_id", .uint32(0)),
      ("tokenizer.ggml.eot_token_id", .uint32(1)), ("tokenizer.chat_template", .string("{{ x }}\n")),
    ]
    builder.add("token_embd.weight", [8, 4], rows(4, 8))
    builder.add("blk.0.attn_norm.weight", [8], [Float](repeating: 1, count: 8))
    builder.add("blk.0.attn_q.weight", [8, 8], rows(8, 8))
    builder.add("blk.0.attn_k.weight", [8, 4], rows(4, 8))
    builder.add("blk.0.attn_v.weight", [8, 4], rows(4, 8))
    builder.add("blk.0.attn_output.weight", [8, 8], rows(8, 8))
    builder.add("blk.0.ffn_norm.weight", [8], [Float](repeating: 1, count: 8))
    builder.add("blk.0.ffn_gate.weight", [8, 16], rows(16, 8))
    builder.add("blk.0.ffn_up.weight", [8, 16], rows(16, 8))
    builder.add("blk.0.ffn_down.weight", [16, 8], rows(8, 16))
    builder.add("output_norm.weight", [8], [Float](repeating: 1, count: 8))
    return builder
  }

  private static func rows(_ count: Int, _ length: Int) -> [Float] {
    (0..<count).flatMap { [Float](repeating: Float($0), count: length) }
  }

  /// That model with one metadata value replaced, or removed.
  static func llama(_ key: String, _ value: Value?) -> GGUFBuilder {
    var builder = llama
    builder.metadata.removeAll { $0.key == key }
    if let value { builder.metadata.append((key, value)) }
    return builder
  }
}
