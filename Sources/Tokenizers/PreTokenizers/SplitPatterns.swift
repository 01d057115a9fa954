/// Split patterns of published model families; those that `KnownPattern` names have hand-written scanners.
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
  static let deepSeekWords = letterRuns + #"| ?[\p{P}\p{S}]+[\r\n]*|"# + spaces
  private static let letterRuns =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
  static let chineseAndJapanese = "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+"
  /// The first DeepSeek: letters with a case of scripts in use, and punctuation, perhaps in full width.
  static let deepSeekLetters =
    "\\s?[A-Za-z\u{b5}\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{1ba}\u{1bc}-\u{1bf}\u{1c4}-\u{293}\u{295}-\u{2af}"
    + "\u{370}-\u{373}\u{376}\u{377}\u{37b}-\u{37d}\u{37f}\u{386}\u{388}-\u{38a}\u{38c}\u{38e}-\u{3a1}"
    + "\u{3a3}-\u{3f5}\u{3f7}-\u{481}\u{48a}-\u{52f}\u{531}-\u{556}\u{10a0}-\u{10c5}\u{13a0}-\u{13f5}"
    + "\u{13f8}-\u{13fd}\u{1c90}-\u{1cba}\u{1cbd}-\u{1cbf}\u{1d00}-\u{1d2b}\u{1d6b}-\u{1d77}"
    + "\u{1d79}-\u{1d9a}\u{1e00}-\u{1f15}\u{1f18}-\u{1f1d}\u{1f20}-\u{1f45}\u{1f48}-\u{1f4d}"
    + "\u{1f50}-\u{1f57}\u{1f59}\u{1f5b}\u{1f5d}\u{1f5f}-\u{1f7d}\u{1f80}-\u{1fb4}\u{1fb6}-\u{1fbc}\u{1fbe}"
    + "\u{1fc2}-\u{1fc4}\u{1fc6}-\u{1fcc}\u{1fd0}-\u{1fd3}\u{1fd6}-\u{1fdb}\u{1fe0}-\u{1fec}"
    + "\u{1ff2}-\u{1ff4}\u{1ff6}-\u{1ffc}\u{2102}\u{2107}\u{210a}-\u{2113}\u{2115}\u{2119}-\u{211d}\u{2124}"
    + "\u{2126}\u{2128}\u{212a}-\u{212d}\u{212f}-\u{2134}\u{2139}\u{213c}-\u{213f}\u{2145}-\u{2149}\u{214e}"
    + "\u{2183}\u{2184}\u{2c00}-\u{2c7b}\u{2c7e}-\u{2ce4}\u{2ceb}-\u{2cee}\u{2cf2}\u{2cf3}\u{a640}-\u{a66d}"
    + "\u{a680}-\u{a69b}\u{a722}-\u{a76f}\u{a771}-\u{a787}\u{a78b}-\u{a78e}\u{ab70}-\u{abbf}"
    + "\u{fb00}-\u{fb06}\u{fb13}-\u{fb17}\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}\u{10400}-\u{1044f}"
    + "\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}"
    + "\u{1e900}-\u{1e943}]+"
  static let deepSeekPunctuation =
    "\\s?[!-/:-~\u{ff01}-\u{ff0f}\u{ff1a}-\u{ff5e}\u{2018}-\u{201f}\u{3000}-\u{3002}]+"
  static let deepSeekIdeographs = "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+"

  /// Spark 2.5: as DeepSeek 3, each line end on its own.
  static let spark = letterRuns + #"| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"#
  /// AFMoE's scripts without spaces: Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese.
  static let asianScripts =
    "[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{f900}-\u{faff}\u{3040}-\u{309f}\u{30a0}-\u{30ff}\u{ff65}-\u{ff9f}"
    + "\u{2f00}-\u{2fdf}\u{e40}-\u{e7f}\u{e80}-\u{eff}\u{1780}-\u{17ff}\u{1000}-\u{109f}\u{aa60}-\u{aa7f}"
    + "\u{a9e0}-\u{a9ff}\u{ac00}-\u{d7af}\u{1100}-\u{11ff}]+"
  /// Jais 2: white space in runs whose lengths are powers of two.
  static let jais2 =
    contractions + "|" + prefix + #"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
    + [512, 256, 128, 64, 32, 16, 8, 4].map { #"|\s{\#($0)}(?!\S)"# }.joined() + #"|\s{1,2}(?!\S)|\s{1}"#
  /// Qwen 2 without contractions, for Turkish.
  static let turkish = prefix + #"\p{L}+|\p{N}|"# + tail

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
