import Foundation
import JSONReader
import TestSupport
import Tensors
import Testing

@testable import Checkpoints

@Suite("GGUF conversion") struct GGUFConversionTests {
  /// A Llama of one layer: width 8, 2 heads of 4 dimensions, 1 key-value head, 4 tokens; row `r` of every matrix
  /// holds `r` in all places, norms hold 1.
  private static var model: GGUFBuilder {
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

  private func convert<Result>(
    _ builder: GGUFBuilder, dtype: DType = .float16, _ body: (URL, [String]) throws -> Result
  ) throws -> Result {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let notes = try builder.withFile { try GGUFConversion.convert($0, to: folder.path, dtype: dtype) }
    return try body(folder, notes)
  }

  private func refusal(_ builder: GGUFBuilder) throws -> CheckpointError {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let error = try #require(throws: CheckpointError.self) {
      try builder.withFile { try GGUFConversion.convert($0, to: folder.path) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    return error
  }

  private static func setting(_ key: String, _ value: GGUFBuilder.Value?) -> GGUFBuilder {
    var builder = model
    builder.metadata.removeAll { $0.key == key }
    if let value { builder.metadata.append((key, value)) }
    return builder
  }

  @Test("weights get their names and the rotary rows their order", arguments: [DType.float16, .bfloat16, .float32])
  func weights(dtype: DType) throws {
    try convert(Self.model, dtype: dtype) { folder, notes in
      #expect(notes.isEmpty)
      let model = try ModelDirectory(path: folder.path)
      #expect(model.tensorNames.count == 11)
      func firstColumn(_ name: String) throws -> [Float] {
        let tensor = try model.tensor(named: name)
        #expect(tensor.dtype == dtype)
        let values = try tensor.floats()
        return stride(from: 0, to: values.count, by: tensor.shape.dimensions.last ?? 1).map { values[$0] }
      }
      // Rows (head, pair, half) become (head, half, pair): 0 2 1 3 in each head of four.
      #expect(try firstColumn("model.layers.0.self_attn.q_proj.weight") == [0, 2, 1, 3, 4, 6, 5, 7])
      #expect(try firstColumn("model.layers.0.self_attn.k_proj.weight") == [0, 2, 1, 3])
      #expect(try firstColumn("model.layers.0.self_attn.v_proj.weight") == [0, 1, 2, 3])
      #expect(try firstColumn("model.embed_tokens.weight") == [0, 1, 2, 3])
      #expect(model.configuration["torch_dtype"]?.stringValue == dtype.configurationName)
    }
  }

  @Test("configuration, end ids and tokenizer as Hugging Face files name them")
  func companions() throws {
    try convert(Self.model) { folder, _ in
      let model = try ModelDirectory(path: folder.path)
      let configuration = model.configuration
      #expect(configuration["architectures"] == ["LlamaForCausalLM"])
      #expect(configuration["num_key_value_heads"] == 1)
      #expect(configuration["head_dim"] == 4)
      #expect(configuration["rms_norm_eps"] == 1e-6)
      #expect(configuration["rope_theta"] == 50000.0)
      #expect(configuration["rope_scaling"] == .null)
      #expect(configuration["tie_word_embeddings"] == true)
      #expect(configuration["vocab_size"] == 4)
      #expect(model.generationConfiguration?["eos_token_id"] == [0, 1])
      let settings = try JSONFile.read(model.url(for: "tokenizer_config.json").path)
      #expect(settings["chat_template"] == "{{ x }}\n")
      #expect(settings["bos_token"] == "<s>")
      #expect(settings["add_bos_token"] == false)
      let tokenizer = try JSONFile.read(model.url(for: "tokenizer.json").path)
      #expect(tokenizer["model"]?["vocab"] == ["<s>": 0, "<u>": 1, "a": 2, "b": 3])
      #expect(tokenizer["model"]?["merges"] == ["a b"])
      #expect(tokenizer["added_tokens"]?.arrayValue?.map { $0["special"] } == [true, false])
      #expect(tokenizer["pre_tokenizer"]?["pretokenizers"]?.arrayValue?.first?["type"] == "Digits")
      #expect(tokenizer["post_processor"] == .null)
    }
  }

  @Test("Llama 3 tokenizers begin with their first token and take whole words from the vocabulary")
  func llama3() throws {
    try convert(Self.setting("tokenizer.ggml.pre", .string("llama-bpe"))) { folder, _ in
      let tokenizer = try JSONFile.read(folder.appendingPathComponent("tokenizer.json").path)
      #expect(tokenizer["model"]?["ignore_merges"] == true)
      #expect(
        tokenizer["post_processor"]?["single"] == [
          ["SpecialToken": ["id": "<s>", "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]],
        ])
    }
  }

  @Test("rotary factors of Llama 3.2 (factor 32) are recognised; others are refused")
  func rotaryFactors() throws {
    // Theta 50000, 4 dimensions: wavelengths 2π (short: 1) and 2π·√50000 = 1405 (short: 1), hence all ones …
    var builder = Self.model
    builder.add("rope_freqs.weight", [2], [1, 1])
    try convert(builder) { folder, _ in
      let configuration = try ModelDirectory(path: folder.path).configuration
      #expect(configuration["rope_scaling"]?["rope_type"] == "llama3")
    }
    // … and with theta 1e8 the second is 2π·10⁴ = 62832, beyond 8192: the whole factor.
    builder = Self.setting("llama.rope.freq_base", .float32(1e8))
    builder.add("rope_freqs.weight", [2], [1, 32])
    try convert(builder) { folder, _ in
      let scaling = try ModelDirectory(path: folder.path).configuration["rope_scaling"]
      #expect(scaling?["factor"] == 32.0)
      #expect(scaling?["original_max_position_embeddings"] == 8192)
    }
    builder = Self.model
    builder.add("rope_freqs.weight", [2], [1, 3])
    #expect(try refusal(builder).message.contains("rope_freqs.weight"))
  }

  @Test("a tokenizer that is not known is left out with a note that names it")
  func unknownTokenizer() throws {
    for (key, name) in [("tokenizer.ggml.pre", "tekken"), ("tokenizer.ggml.model", "rwkv")] {
      try convert(Self.setting(key, .string(name))) { folder, notes in
        #expect(notes.count == 1)
        #expect(notes.first?.contains("\"\(name)\"") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("tokenizer.json").path))
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path))
      }
    }
  }

  @Test("what is not converted is named, and nothing is written")
  func refused() throws {
    #expect(try refusal(Self.setting("general.architecture", .string("mamba"))).message.contains("mamba"))
    #expect(try refusal(Self.setting("llama.rope.scaling.type", .string("yarn"))).message.contains("scaling.factor"))
    #expect(try refusal(Self.setting("llama.rope.scaling.type", .string("ntk"))).message.contains("\"ntk\""))
    #expect(try refusal(Self.setting("llama.logit_scale", .float32(16))).message.contains("llama.logit_scale"))
    #expect(try refusal(Self.setting("llama.block_count", .uint32(2))).message.contains("blk.1.attn_norm.weight"))
    #expect(try refusal(Self.setting("llama.embedding_length", nil)).message.contains("embedding_length"))
    let scores = Self.setting(
      "tokenizer.ggml.scores", .raw(9, [0, 0, 0, 0] + GGUFBuilder.bytes(UInt64(4)) + [1, 2, 3, 4]))
    #expect(try refusal(scores).message.contains("scores"))
    var stranger = Self.model
    stranger.add("blk.0.attn_q_norm.weight", [4], [1, 1, 1, 1])
    #expect(try refusal(stranger).message.contains("blk.0.attn_q_norm.weight"))
    var unfinished = Self.model
    unfinished.add("blk.0.attn_q.bias", [8], [Float](repeating: 0, count: 8))
    #expect(try refusal(unfinished).message.contains("blk.0.attn_k.bias"))
    var large = Self.model
    large.data.replaceSubrange(0..<4, with: GGUFBuilder.bytes(Float(65520).bitPattern))
    #expect(try refusal(large).message.contains("bfloat16"))
  }
}
