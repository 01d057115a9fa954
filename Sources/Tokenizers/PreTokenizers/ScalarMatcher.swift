/// A split step that looks at one scalar at a time.
struct ScalarMatcher: Sendable {
  /// Which scalars match.
  enum Class: Sendable {
    /// `\p{N}`
    case number
    case whitespace
    /// ASCII punctuation and `\p{P}`
    case punctuation
    case scalar(UInt32)

    @inline(__always)
    func contains(_ scalar: UInt32) -> Bool {
      switch self {
      case .number:
        if scalar < 0x80 { return 0x30...0x39 ~= scalar }
        return ScalarCategory.bits(of: scalar) & ScalarCategory.number != 0
      case .whitespace:
        if scalar < 0x80 { return 0x9...0xd ~= scalar || scalar == 0x20 }
        return ScalarCategory.bits(of: scalar) & ScalarCategory.whitespace != 0
      case .punctuation:
        if scalar < 0x80 {
          return 0x21...0x2f ~= scalar || 0x3a...0x40 ~= scalar || 0x5b...0x60 ~= scalar || 0x7b...0x7e ~= scalar
        }
        return LegacyClasses.isPunctuation(scalar)
      case .scalar(let wanted): return scalar == wanted
      }
    }
  }

  let matching: Class
  let behavior: SplitBehavior

  /// Appends the pieces of `range`.
  func split(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into pieces: inout [Range<Int>]) {
    behavior.split(range, into: &pieces) { index in
      let (scalar, length) = UTF8Scalar.decode(bytes, at: index)
      return (matching.contains(scalar), length)
    }
  }
}

/// A split step that looks at one byte at a time, as a `ScalarMatcher` does at its scalar in the alphabet of GPT-2.
struct ByteMatcher: Sendable {
  private let matches: [Bool]
  private let behavior: SplitBehavior

  /// What a matcher does to text that is written in the alphabet.
  init(inByteAlphabet matcher: ScalarMatcher) {
    matches = ByteLevelAlphabet.scalars.map(matcher.matching.contains)
    behavior = matcher.behavior
  }

  /// Appends the pieces of `range`.
  func split(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into pieces: inout [Range<Int>]) {
    matches.withUnsafeBufferPointer { matches in
      behavior.split(range, into: &pieces) { (matches[Int(bytes[$0])], 1) }
    }
  }
}
