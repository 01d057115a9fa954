/// A split pattern of a known model family, matched by a hand-written scanner.
///
/// The pieces of a text, joined, are the text: what is between two matches is a piece of its own.
struct KnownPattern: Sendable, Equatable {
  /// How the pattern takes words and line ends.
  enum Family: Sendable {
    /// ``'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+``
    case gpt2
    /// ``(?i:'s|…)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
    case cl100k
    /// ``[!-/:-@[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
    case deepSeek
    /// `\p{N}{1,n}`
    case numbers
    /// `[0-9][0-9][0-9]`
    case threeDigits
  }

  let family: Family
  /// The most numbers in one piece, where the family says n.
  let numberLimit: Int

  static let gpt2 = KnownPattern(family: .gpt2, numberLimit: .max)
  static let llama3 = KnownPattern(family: .cl100k, numberLimit: 3)
  static let qwen2 = KnownPattern(family: .cl100k, numberLimit: 1)
  static let deepSeek = KnownPattern(family: .deepSeek, numberLimit: .max)
  static let numbers = KnownPattern(family: .numbers, numberLimit: 3)
  static let threeDigits = KnownPattern(family: .threeDigits, numberLimit: 3)

  /// Whether matches stand side by side in any text.
  var coversText: Bool { family == .gpt2 || family == .cl100k }

  /// The known pattern with exactly this spelling, or nil.
  static func spelled(_ regex: String) -> KnownPattern? {
    let bytes = Array(regex.utf8)
    return spellings.first { Array($0.regex.utf8) == bytes }?.pattern
  }

  private static let spellings: [(regex: String, pattern: KnownPattern)] = {
    let spelledOut = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    return [
      (SplitPatterns.gpt2, .gpt2),
      (#"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, .gpt2),
      (SplitPatterns.llama3, .llama3), (SplitPatterns.cl100k(spelledOut, numbers: #"\p{N}{1,3}"#), .llama3),
      (SplitPatterns.qwen2, .qwen2), (SplitPatterns.cl100k(spelledOut, numbers: #"\p{N}"#), .qwen2),
      (SplitPatterns.deepSeekWords, .deepSeek),
      (SplitPatterns.deepSeekWords.replacing(#"\r\n"#, with: "\r\n"), .deepSeek),
      (#"\p{N}{1,3}"#, .numbers), ("[0-9][0-9][0-9]", .threeDigits),
    ]
  }()

  /// A scanner of this pattern; the end of the text counts as the end.
  @inline(__always)
  func end(of scanner: PatternScanner, at start: Int) -> Int {
    switch family {
    case .gpt2: scanner.endOfGPT2Piece(at: start)
    case .cl100k: scanner.endOfCL100KPiece(at: start, numberLimit)
    case .deepSeek: scanner.endOfDeepSeekPiece(at: start)
    case .numbers: scanner.endOfNumberGroup(at: start, numberLimit)
    case .threeDigits: scanner.endOfThreeDigitsPiece(at: start)
    }
  }

  /// Appends the pieces of `range`; the end of the range counts as the end of the text.
  func split(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into pieces: inout [Range<Int>]) {
    let scanner = PatternScanner(text: UnsafeBufferPointer(rebasing: bytes[..<range.upperBound]))
    var start = range.lowerBound
    while start < range.upperBound {
      let end = end(of: scanner, at: start)
      pieces.append(start..<end)
      start = end
    }
  }
}
