import Foundation
import JSONReader
import TestSupport
import Tensors
import Testing

@testable import Checkpoints

@Suite("GGUF conversion") struct GGUFConversionTests {
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

  @Test("weights get their names and the rotary rows their order", arguments: [DType.float16, .bfloat16, .float32])
  func weights(dtype: DType) throws {
    try convert(GGUFBuilder.llama, dtype: dtype) { folder, notes in
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
    try convert(GGUFBuilder.llama) { folder, _ in
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
    try convert(GGUFBuilder.llama("tokenizer.ggml.pre", .string("llama-bpe"))) { folder, _ in
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
    var builder = GGUFBuilder.llama
    builder.add("rope_freqs.weight", [2], [1, 1])
    try convert(builder) { folder, _ in
      let configuration = try ModelDirectory(path: folder.path).configuration
      #expect(configuration["rope_scaling"]?["rope_type"] == "llama3")
    }
    // … and with theta 1e8 the second is 2π·10⁴ = 62832, beyond 8192: the whole factor.
    builder = GGUFBuilder.llama("llama.rope.freq_base", .float32(1e8))
    builder.add("rope_freqs.weight", [2], [1, 32])
    try convert(builder) { folder, _ in
      let scaling = try ModelDirectory(path: folder.path).configuration["rope_scaling"]
      #expect(scaling?["factor"] == 32.0)
      #expect(scaling?["original_max_position_embeddings"] == 8192)
    }
    builder = GGUFBuilder.llama
    builder.add("rope_freqs.weight", [2], [1, 3])
    #expect(try refusal(builder).message.contains("rope_freqs.weight"))
  }

  @Test(
    "every pre-tokenizer that vocabularies are read with is written into tokenizer.json",
    arguments: ["tekken", "deepseek-v3", "kimi-k2", "default", "gpt-4o", "chameleon"])
  func knownPreTokenizers(name: String) throws {
    try convert(GGUFBuilder.llama("tokenizer.ggml.pre", .string(name))) { folder, notes in
      #expect(notes.isEmpty)
      let json = try JSONFile.read(folder.appendingPathComponent("tokenizer.json").path)
      let steps = json["pre_tokenizer"]?["pretokenizers"]?.arrayValue ?? [json["pre_tokenizer"] ?? .null]
      #expect(steps.last?["type"] == "ByteLevel")
      #expect(steps.dropLast().allSatisfy { $0["type"] == "Split" })
    }
  }

  @Test("gemma4: spaces as marks, merges over text, byte pieces")
  func gemma4() throws {
    try convert(GGUFBuilder.llama("tokenizer.ggml.model", .string("gemma4"))) { folder, notes in
      #expect(notes.isEmpty)
      let json = try JSONFile.read(folder.appendingPathComponent("tokenizer.json").path)
      #expect(json["normalizer"]?["content"] == "\u{2581}")
      #expect(json["pre_tokenizer"]?["type"] == "Split")
      #expect(json["model"]?["byte_fallback"] == true)
      #expect(
        json["decoder"]?["decoders"]?.arrayValue?.map { $0["type"] } == ["Replace", "ByteFallback", "Fuse"])
    }
  }

  @Test("chat templates with names are written as a list")
  func namedTemplates() throws {
    var builder = GGUFBuilder.llama
    builder.metadata.append(("tokenizer.chat_template.tool_use", .string("T")))
    try convert(builder) { folder, _ in
      let settings = try JSONFile.read(folder.appendingPathComponent("tokenizer_config.json").path)
      #expect(
        settings["chat_template"] == [
          ["name": "default", "template": "{{ x }}\n"], ["name": "tool_use", "template": "T"],
        ])
    }
  }

  @Test("a tokenizer that is not known is left out with a note that names it")
  func unknownTokenizer() throws {
    for (key, name) in [("tokenizer.ggml.pre", "whitespace"), ("tokenizer.ggml.model", "rwkv")] {
      try convert(GGUFBuilder.llama(key, .string(name))) { folder, notes in
        #expect(notes.count == 1)
        #expect(notes.first?.contains("\"\(name)\"") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("tokenizer.json").path))
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path))
      }
    }
  }

  @Test("what is not converted is named, and nothing is written")
  func refused() throws {
    #expect(try refusal(GGUFBuilder.llama("general.architecture", .string("mamba"))).message.contains("mamba"))
    #expect(
      try refusal(GGUFBuilder.llama("llama.rope.scaling.type", .string("yarn"))).message.contains("scaling.factor"))
    #expect(try refusal(GGUFBuilder.llama("llama.rope.scaling.type", .string("ntk"))).message.contains("\"ntk\""))
    #expect(try refusal(GGUFBuilder.llama("llama.logit_scale", .float32(16))).message.contains("llama.logit_scale"))
    #expect(try refusal(GGUFBuilder.llama("llama.block_count", .uint32(2))).message.contains("blk.1.attn_norm.weight"))
    #expect(try refusal(GGUFBuilder.llama("llama.embedding_length", nil)).message.contains("embedding_length"))
    let scores = GGUFBuilder.llama(
      "tokenizer.ggml.scores", .raw(9, [0, 0, 0, 0] + GGUFBuilder.bytes(UInt64(4)) + [1, 2, 3, 4]))
    #expect(try refusal(scores).message.contains("scores"))
    var stranger = GGUFBuilder.llama
    stranger.add("blk.0.attn_q_norm.weight", [4], [1, 1, 1, 1])
    #expect(try refusal(stranger).message.contains("blk.0.attn_q_norm.weight"))
    var unfinished = GGUFBuilder.llama
    unfinished.add("blk.0.attn_q.bias", [8], [Float](repeating: 0, count: 8))
    #expect(try refusal(unfinished).message.contains("blk.0.attn_k.bias"))
    var large = GGUFBuilder.llama
    large.data.replaceSubrange(0..<4, with: GGUFBuilder.bytes(Float(65520).bitPattern))
    #expect(try refusal(large).message.contains("bfloat16"))
  }

  @Test("a factor kept apart from a weight is multiplied in; how activations are quantized is ignored (NVFP4)")
  func separateScale() throws {
    var builder = GGUFBuilder.llama
    builder.add("blk.0.attn_v.scale", [1], [0.5])
    builder.add("blk.0.attn_v.input_scale", [1], [3])
    try convert(builder) { folder, _ in
      let tensor = try ModelDirectory(path: folder.path).tensor(named: "model.layers.0.self_attn.v_proj.weight")
      let values = try tensor.floats()
      #expect(values == (0..<4).flatMap { [Float](repeating: Float($0) / 2, count: 8) })
    }
  }

  @Test("an option that nothing asks for is named in a note")
  func unusedOption() throws {
    try convert(GGUFBuilder.llama("llama.unheard_of", .uint32(3))) { _, notes in
      #expect(notes == ["llama.unheard_of is not carried into config.json"])
    }
  }

  @Test("a file without a vocabulary is converted with a note")
  func noVocabulary() throws {
    var builder = GGUFBuilder.llama
    builder.metadata.removeAll { $0.key.hasPrefix("tokenizer.") }
    try convert(builder) { folder, notes in
      #expect(notes.first?.contains("has no vocabulary") == true)
      let model = try ModelDirectory(path: folder.path)
      #expect(model.configuration["eos_token_id"] == .null)
    }
  }

  @Test(
    "metadata that contradicts the format or the tensors is refused by its key (case F07)",
    arguments: [
      ("block_count", 0, "llama.block_count"), ("block_count", 1 << 30, "1073741824 layers"),
      ("embedding_length", 16, "token_embd.weight"), ("embedding_length", .max, "llama.embedding_length"),
      ("feed_forward_length", 0, "llama.feed_forward_length"),
      ("attention.head_count", 0, "llama.attention.head_count"),
      ("attention.head_count", 4, "blk.0.attn_k.weight"), ("attention.head_count_kv", 1 << 31, "head_count_kv"),
      ("attention.key_length", 5, "sizes 5 and 5"), ("rope.dimension_count", 2, "rotary size 2"),
      ("expert_count", 1 << 30, "llama.expert_used_count"), ("attention.sliding_window", .max, "sliding_window"),
    ] as [(String, UInt32, String)])
  func contradictions(key: String, value: UInt32, reason: String) throws {
    let message = try refusal(GGUFBuilder.llama("llama.\(key)", .uint32(value))).message
    #expect(message.contains(reason), "\(message)")
  }

  @Test("a model that uses more experts than it has is refused")
  func tooManyExperts() throws {
    var builder = GGUFBuilder.llama("llama.expert_count", .uint32(1))
    builder.metadata.append(("llama.expert_used_count", .uint32(2)))
    #expect(try refusal(builder).message.contains("2 of 1 experts"))
  }

  @Test("numbers that are not numbers are refused by their key")
  func notANumber() throws {
    for value in [Float.nan, .infinity] {
      #expect(
        try refusal(GGUFBuilder.llama("llama.rope.freq_base", .float32(value))).message.contains("rope.freq_base"))
    }
    let text = GGUFBuilder.llama("llama.attention.layer_norm_rms_epsilon", .string("small"))
    #expect(try refusal(text).message.contains("layer_norm_rms_epsilon"))
  }

  @Test("head counts may be stated for each layer, if they are the same (list of 1)")
  func listedHeads() throws {
    try convert(GGUFBuilder.llama("llama.attention.head_count", .int32s([2]))) { folder, _ in
      let model = try ModelDirectory(path: folder.path)
      #expect(model.configuration["num_attention_heads"] == 2)
    }
    #expect(try refusal(GGUFBuilder.llama("llama.attention.head_count", .int32s([2, 1]))).message.contains("differs"))
  }
}
