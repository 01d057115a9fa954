import JSONReader

/// What the names in `tokenizer.ggml.pre` stand for, in the terms of `tokenizer.json`.
struct GGUFPreTokenization {
  /// The names that are known.
  static let names = ["gpt-2", "llama-bpe", "qwen2", "smollm"]

  let normalizer: JSONValue
  let preTokenizer: JSONValue
  /// Whether a word that is in the vocabulary is taken whole.
  let ignoresMerges: Bool
  /// Whether texts begin with the token of that role when the file does not say.
  let addsBeginning: Bool

  init?(name: String) {
    switch name {
    case "gpt-2":
      normalizer = .null
      preTokenizer = Self.byteLevel(trimOffsets: true, splits: true)
      ignoresMerges = false
      addsBeginning = false
    case "smollm":
      normalizer = .null
      preTokenizer = Self.sequence(
        ["type": "Digits", "individual_digits": true], Self.byteLevel(trimOffsets: true, splits: true))
      ignoresMerges = false
      addsBeginning = false
    case "llama-bpe":
      normalizer = .null
      preTokenizer = Self.sequence(
        Self.split(digits: #"\p{N}{1,3}"#), Self.byteLevel(trimOffsets: true, splits: false))
      ignoresMerges = true
      addsBeginning = true
    case "qwen2":
      normalizer = ["type": "NFC"]
      preTokenizer = Self.sequence(Self.split(digits: #"\p{N}"#), Self.byteLevel(trimOffsets: false, splits: false))
      ignoresMerges = false
      addsBeginning = false
    default:
      return nil
    }
  }

  /// Bytes as printable characters; `splits` cuts by the pattern of GPT-2 first.
  static func byteLevel(trimOffsets: Bool, splits: Bool) -> JSONValue {
    [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": .bool(trimOffsets), "use_regex": .bool(splits),
    ]
  }

  private static func sequence(_ parts: JSONValue...) -> JSONValue {
    ["type": "Sequence", "pretokenizers": .array(parts)]
  }

  /// The pattern that Llama 3 and Qwen 2 share but for the runs of digits.
  private static func split(digits: String) -> JSONValue {
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    let words = #"[^\r\n\p{L}\p{N}]?\p{L}+"#
    let rest = #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let pattern = [contractions, words, digits, rest].joined(separator: "|")
    return ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false]
  }
}
