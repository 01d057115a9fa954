package import JSONReader

/// What a name in `tokenizer.ggml.pre` stands for, in the terms of `tokenizer.json`.
package struct GGUFPreTokenizer {
  /// One cut of the text.
  private enum Cut {
    /// Each number on its own.
    case digits
    /// The pattern of GPT-2, which the step to bytes has built in.
    case gpt2
    /// What a pattern matches, isolated.
    case pattern(String)
  }

  private let cuts: [Cut]
  private var composes = false
  /// Whether words are bytes in printable characters; else they are text with `▁` for each space, and pieces like
  /// `<0x0A>` stand for the bytes of what has no piece.
  package private(set) var isByteLevel = true
  /// Whether a word that is in the vocabulary is taken whole.
  package private(set) var ignoresMerges = false
  /// Whether texts begin with the token of that role where the file does not say.
  package private(set) var addsBeginning = false

  /// The meaning of a name.
  ///
  /// - Throws: `Refusal` for names that are not read.
  package init(name: String) throws(Refusal) {
    switch name {
    case "gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code",
      "gigachat", "mpt", "olmo", "jais", "trillion", "granite-docling", "roberta-bpe", "modern-bert", "exaone4",
      "a.x-4.0", "mellum":
      cuts = [.gpt2]
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2":
      cuts = [.digits, .gpt2]
    case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
      cuts = [.pattern(SplitPatterns.llama3)]
      addsBeginning = true
    case "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "glm5": cuts = [.pattern(SplitPatterns.llama3)]
    case "qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "kormo", "f2llmv2", "solar-open", "hunyuan", "grok-2":
      cuts = [.pattern(SplitPatterns.qwen2)]
      composes = ["qwen2", "deepseek-r1-qwen", "stablelm2"].contains(name)
    case "gemma4", "granite-embed-multi-311m", "sarvam-moe":
      cuts = Self.patterns(#"[^\n]+|\n+"#)
      isByteLevel = false
      addsBeginning = name != "sarvam-moe"
    case "whitespace":
      throw Refusal(reason: "it drops the spaces of a text, which only an embedding model's vocabulary does")
    default:
      cuts = Self.patterns(named: name)
      addsBeginning = ["tekken", "chameleon"].contains(name)
      if cuts.isEmpty { throw Refusal(reason: "it is not known") }
    }
    ignoresMerges = Self.namesWithWholeWords.contains(name)
  }

  /// The name that counts for a `tokenizer.ggml.model`, nil where its words are not made by merges.
  package static func name(ofModel model: String, pre: String?) -> String? {
    switch model {
    case "gpt2": pre ?? "default"
    case "gemma4": model
    default: nil
    }
  }

  /// Why a name is refused.
  package struct Refusal: Error {
    package let reason: String
  }

  private static let namesWithWholeWords: Set<String> = [
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano", "glm4",
    "glm5", "tekken", "youtu", "minicpm5", "granite-embed-multi-97m",
  ]

  private static func patterns(named name: String) -> [Cut] {
    switch name {
    case "default":
      patterns(SplitPatterns.punctuationRuns) + [.gpt2] + patterns(#"\p{N}+"#, "[0-9][0-9][0-9]")
    case "falcon": patterns(SplitPatterns.falconPunctuation) + [.gpt2] + patterns("[0-9][0-9][0-9]")
    case "deepseek-llm":
      patterns(
        #"[\r\n]"#, SplitPatterns.deepSeekLetters, SplitPatterns.deepSeekPunctuation, #"\s+$"#,
        SplitPatterns.deepSeekIdeographs, #"\p{N}+"#)
    case "deepseek-coder":
      patterns(#"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, SplitPatterns.deepSeekIdeographs, #"\p{N}"#)
    case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4":
      patterns(#"\p{N}{1,3}"#, SplitPatterns.chineseAndJapanese, SplitPatterns.deepSeekWords)
    case "spark2_5":
      patterns(#"\p{N}{1,3}"#, SplitPatterns.chineseAndJapanese, SplitPatterns.spark, #"\p{N}"#)
    case "afmoe":
      patterns(
        #"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"#, SplitPatterns.asianScripts, SplitPatterns.deepSeekWords)
    case "superbpe": patterns(#"\p{N}+"#, #"(?=(\d{3})+(?!\d))"#)
    case "jais-2": patterns(SplitPatterns.jais2)
    case "ufakzeka": patterns(SplitPatterns.turkish)
    case "laguna": patterns(#"[^\n]+|[\n]+"#, SplitPatterns.qwen2)
    case "qwen35": patterns(SplitPatterns.qwen35)
    case "tekken": patterns(SplitPatterns.tekken)
    case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", "granite-embed-multi-97m":
      patterns(SplitPatterns.o200k)
    case "youtu":
      patterns(
        "[\u{ac00}-\u{d7a3}\u{3131}-\u{318e}]+|[\u{ff01}\u{2026}\u{201c}\u{201d}\u{2018}\u{2019}\u{2014}\u{ff1a}"
          + "\u{ff1b}\u{ff0c}\u{3001}-\u{303f}\u{fe30}-\u{fe4f}]+|[\u{3105}-\u{312f}]+|"
          + SplitPatterns.chineseAndJapanese, SplitPatterns.youtu)
    case "tiny_aya", "cohere2moe": patterns(#"\d{1,3}(?=(?:\d{3})*\b)"#, SplitPatterns.o200k)
    case "kimi-k2": patterns(SplitPatterns.kimi)
    case "bailingmoe", "bailingmoe2", "llada-moe": patterns(SplitPatterns.bailing)
    case "seed-coder": patterns(SplitPatterns.seedCoder)
    case "exaone-moe": patterns(SplitPatterns.exaoneMoE)
    case "minicpm5": patterns(#"\p{N}{1,3}"#, SplitPatterns.miniCPM)
    case "poro-chat", "bloom", "gpt3-finnish": patterns(SplitPatterns.bloom)
    case "viking": patterns(SplitPatterns.bloom, #"\p{N}"#)
    case "chameleon":
      patterns(
        "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", #"([\t\n]|    |  )"#, #"\p{N}"#,
        #"[\p{P}!-/:-@\[-`{-~]"#) + [.gpt2]
    default: []
    }
  }

  private static func patterns(_ patterns: String...) -> [Cut] { patterns.map(Cut.pattern) }

  /// The `normalizer`.
  package var normalizer: JSONValue {
    if !isByteLevel { return Self.replacement(of: " ", by: "\u{2581}") }
    return composes ? ["type": "NFC"] : .null
  }

  /// The `pre_tokenizer`: the cuts, and then words as bytes in printable characters.
  package var preTokenizer: JSONValue {
    var cuts = cuts[...]
    var endsWithGPT2 = false
    if case .gpt2 = cuts.last {
      endsWithGPT2 = true
      cuts.removeLast()
    }
    let parts = cuts.map(Self.part) + (isByteLevel ? [Self.byteLevel(splits: endsWithGPT2)] : [])
    return parts.count == 1 ? parts[0] : ["type": "Sequence", "pretokenizers": .array(parts)]
  }

  /// The `decoder`.
  package var decoder: JSONValue {
    if isByteLevel { return Self.byteLevel(splits: true) }
    let spaces = Self.replacement(of: "\u{2581}", by: " ")
    return ["type": "Sequence", "decoders": .array([spaces, ["type": "ByteFallback"], ["type": "Fuse"]])]
  }

  private static func replacement(of text: String, by other: String) -> JSONValue {
    ["type": "Replace", "pattern": ["String": .string(text)], "content": .string(other)]
  }

  /// Bytes as printable characters; `splits` cuts by the pattern of GPT-2 first.
  private static func byteLevel(splits: Bool) -> JSONValue {
    ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(splits)]
  }

  private static func part(_ cut: Cut) -> JSONValue {
    let pattern: String
    switch cut {
    case .digits: return ["type": "Digits", "individual_digits": true]
    case .gpt2: pattern = SplitPatterns.gpt2
    case .pattern(let text): pattern = text
    }
    return ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false]
  }
}
