/// Split patterns of published model families; the first three have hand-written scanners (`KnownPattern`).
enum SplitPatterns {
  static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  static let llama3 = cl100k(contractions, numbers: #"\p{N}{1,3}"#)
  static let qwen2 = cl100k(contractions, numbers: #"\p{N}"#)

  /// The pattern that Llama 3 and Qwen 2 share but for the runs of digits.
  static func cl100k(_ contractions: String, numbers: String) -> String {
    contractions + "|" + prefix + #"\p{L}+|"# + numbers + "|" + tail
  }

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let prefix = #"[^\r\n\p{L}\p{N}]?"#
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Symbols with the line ends after them, then white space.
  private static let tail = #" ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces

  /// GPT-4o, gpt-oss and Llama 4.
  static let o200k = cased(contractions + "?", numbers: #"\p{N}{1,3}"#)
  /// Mistral's Tekken.
  static let tekken = cased("", numbers: #"\p{N}"#)
  /// Youtu, after a step for East Asian scripts.
  static let youtu = cased(contractions + "?", numbers: #"\p{N}"#)

  private static func cased(_ suffix: String, numbers: String) -> String {
    "\(prefix)\(upper)*\(lower)+\(suffix)|\(prefix)\(upper)+\(lower)*\(suffix)|\(numbers)"
      + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
  }

  /// DeepSeek 3, after steps for numbers and for Chinese and Japanese.
  static let deepSeekWords =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"##
    + spaces
  static let chineseAndJapanese = "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+"
  static let deepSeekCoderIdeographs = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+"

  /// Qwen 3.5: marks belong to words.
  static let qwen35 =
    contractions + "|" + prefix + #"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + spaces
  /// EXAONE's mixture of experts: words go on over single spaces.
  static let exaoneMoE =
    contractions + "|" + prefix
    + #"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"#
  /// Seed Coder.
  static let seedCoder =
    contractions + "|" + prefix + #"\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|"# + spaces
  /// Ling and LLaDA.
  static let bailing =
    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
  /// MiniCPM 5, after a step for numbers.
  static let miniCPM = contractions + "|" + prefix + #"\p{L}+|\p{N}+|"# + tail
  /// Kimi K2: ideographs on their own.
  static let kimi =
    #"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"#
    + #"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"#
    + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"#
    + #"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"# + tail
  /// BLOOM and its relatives.
  static let bloom = " ?[^(\\s|.,!?\u{2026}\u{3002}\u{ff0c}\u{3001}\u{964}\u{6d4}\u{60c})]+"
  static let punctuationRuns = #"[\p{P}\$\+<=>\^~\|]+"#
  static let falconPunctuation = #"[\p{P}\$\+<=>\^~\|`]+"#
}
