/// What a name in `tokenizer.ggml.pre` stands for.
struct GGUFPreTokenizer {
  let steps: [PreTokenizer.Step]
  var normalizer: Normalizer?
  var ignoresMerges = false
  var addsBOS = false

  private static let digits = PreTokenizer.Step.scalars(ScalarMatcher(matching: .number, behavior: .isolated))

  /// The meaning of a name, or nil for names that are not known.
  init?(name: String) {
    switch name {
    case "gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code",
      "gigachat", "mpt", "olmo", "jais", "trillion", "granite-docling", "roberta-bpe", "modern-bert", "exaone4",
      "a.x-4.0", "mellum":
      steps = [.known(.gpt2)]
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2":
      steps = [Self.digits, .known(.gpt2)]
    case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
      steps = [.known(.llama3)]
      ignoresMerges = true
      addsBOS = true
    case "dbrx", "smaug-bpe", "chatglm-bpe", "glm4": steps = [.known(.llama3)]
    case "qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2", "solar-open", "hunyuan", "grok-2":
      steps = [.known(.qwen2)]
      normalizer = name == "qwen2" || name == "deepseek-r1-qwen" ? .form(.nfc) : nil
    case "stablelm2":
      steps = [.known(.qwen2)]
      normalizer = .form(.nfc)
    case "laguna": steps = Self.patterns(#"[^\n]+|[\n]+"#) + [.known(.qwen2)]
    default:
      steps = Self.patterns(named: name)
      ignoresMerges = ["tekken", "youtu"].contains(name)
      addsBOS = ["tekken", "chameleon"].contains(name)
      if steps.isEmpty { return nil }
    }
  }

  private static func patterns(named name: String) -> [PreTokenizer.Step] {
    switch name {
    case "default":
      patterns(SplitPatterns.punctuationRuns) + [.known(.gpt2)] + patterns(#"\p{N}+"#, "[0-9][0-9][0-9]")
    case "falcon": patterns(SplitPatterns.falconPunctuation) + [.known(.gpt2)] + patterns("[0-9][0-9][0-9]")
    case "deepseek-coder":
      patterns(#"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, SplitPatterns.deepSeekCoderIdeographs, #"\p{N}"#)
    case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy-v4":
      patterns(#"\p{N}{1,3}"#, SplitPatterns.chineseAndJapanese, SplitPatterns.deepSeekWords)
    case "qwen35": patterns(SplitPatterns.qwen35)
    case "tekken": patterns(SplitPatterns.tekken)
    case "gpt-4o", "llama4", "kanana2", "minimax-m2": patterns(SplitPatterns.o200k)
    case "youtu":
      patterns(
        "[\u{ac00}-\u{d7a3}\u{3131}-\u{318e}]+|[\u{ff01}\u{2026}\u{201c}\u{201d}\u{2018}\u{2019}\u{2014}\u{ff1a}"
          + "\u{ff1b}\u{ff0c}\u{3001}-\u{303f}\u{fe30}-\u{fe4f}]+|[\u{3105}-\u{312f}]+|"
          + SplitPatterns.chineseAndJapanese, SplitPatterns.youtu)
    case "tiny_aya": patterns(#"\d{1,3}(?=(?:\d{3})*\b)"#, SplitPatterns.o200k)
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
        #"[\p{P}!-/:-@\[-`{-~]"#) + [.known(.gpt2)]
    default: []
    }
  }

  /// Steps that each isolate what a pattern matches; none where one of them is not read.
  private static func patterns(_ patterns: String...) -> [PreTokenizer.Step] {
    let steps = patterns.compactMap { try? RegularExpressionPattern($0) }
    return steps.count == patterns.count ? steps.map { .expression($0, .isolated, inverted: false) } : []
  }
}
