/// The steps that cut text into the words that the model encodes one by one.
struct PreTokenizer: Sendable {
  /// One step; each cuts the pieces of the step before it.
  enum Step: Sendable {
    /// A pattern that covers the whole text.
    case known(KnownPattern)
    case expression(RegularExpressionPattern, SplitBehavior, inverted: Bool)
    case literal([UInt8], SplitBehavior, inverted: Bool)
    case scalars(ScalarMatcher)
    case bytes(ByteMatcher)
    /// Cuts out the spellings of a tree, the longest at each place.
    case symbols(PieceTrie)
    /// Pieces of this many scalars.
    case fixedLength(Int)
    /// Puts a space before pieces that lack one.
    case prefixSpace
    case metaspace(Metaspace)
    /// Writes each byte as its scalar of the alphabet of GPT-2.
    case byteAlphabet

    fileprivate var changesText: Bool {
      switch self {
      case .prefixSpace, .metaspace, .byteAlphabet: true
      default: false
      }
    }
  }

  let steps: [Step]
  /// Whether a step changes the text.
  let changesText: Bool
  /// Whether a step must know where in the original text its pieces begin.
  let needsSources: Bool

  init(steps: [Step]) {
    self.steps = steps
    changesText = steps.contains(where: \.changesText)
    needsSources = steps.contains {
      if case .metaspace(let metaspace) = $0 { metaspace.prependScheme == .first } else { false }
    }
  }

  /// The same steps with those of them after the change to the alphabet of GPT-2 before it, in terms of bytes; as they
  /// are where one of them looks at more than a scalar at a time.
  static func withByteAlphabetLast(_ steps: [Step]) -> [Step] {
    guard let alphabet = steps.firstIndex(where: { if case .byteAlphabet = $0 { true } else { false } }) else {
      return steps
    }
    var result = Array(steps[..<alphabet])
    for step in steps[(alphabet + 1)...] {
      switch step {
      case .scalars(let matcher): result.append(.bytes(ByteMatcher(inByteAlphabet: matcher)))
      // Digits are spelled as they are.
      case .known(.threeDigits): result.append(step)
      default: return steps
      }
    }
    return result + [steps[alphabet]]
  }

  /// The only step, where it is a known pattern.
  var soleKnownPattern: KnownPattern? {
    guard steps.count == 1, case .known(let pattern) = steps[0] else { return nil }
    return pattern
  }

  /// Cuts the pieces of text that no step changes.
  func split(_ bytes: UnsafeBufferPointer<UInt8>, _ pieces: inout [Range<Int>]) throws {
    for step in steps { try Self.apply(step, bytes, &pieces) }
  }

  /// Cuts the pieces; the text changes where `changesText` says so.
  func split(_ text: inout AlignedText, _ pieces: inout [Range<Int>]) throws {
    let whole = pieces.count == 1 ? pieces[0] : nil
    for step in steps {
      switch step {
      case .prefixSpace: text.prefixSpaces(&pieces)
      case .byteAlphabet: text.writeInByteAlphabet(&pieces)
      case .metaspace(let metaspace):
        let current = text
        metaspace.apply(to: &text, &pieces) { piece in
          // An uncut piece begins where its text does, even if the first characters of that are gone.
          piece == whole && piece.lowerBound == 0 ? current.base == 0 : current.source(at: piece.lowerBound).start == 0
        }
      default: try text.bytes.withUnsafeBufferPointer { try Self.apply(step, $0, &pieces) }
      }
    }
  }

  private static func apply(
    _ step: Step, _ bytes: UnsafeBufferPointer<UInt8>, _ pieces: inout [Range<Int>]
  ) throws {
    var result: [Range<Int>] = []
    result.reserveCapacity(pieces.count)
    if case .expression(let expression, let behavior, let inverted) = step {
      try expression.forEach(of: pieces.lazy.filter { !$0.isEmpty }, bytes) { piece, matches in
        behavior.apply(matches, to: piece, inverted: inverted, into: &result)
      }
      pieces = result
      return
    }
    for piece in pieces where !piece.isEmpty {
      switch step {
      case .prefixSpace, .metaspace, .byteAlphabet, .expression: result.append(piece)
      case .known(let pattern): pattern.split(bytes, piece, into: &result)
      case .scalars(let matcher): matcher.split(bytes, piece, into: &result)
      case .bytes(let matcher): matcher.split(bytes, piece, into: &result)
      case .literal(let literal, let behavior, let inverted):
        behavior.apply(Literal.occurrences(of: literal, bytes, piece), to: piece, inverted: inverted, into: &result)
      case .symbols(let trie): cutOut(bytes, piece, trie, &result)
      case .fixedLength(let length): cut(bytes, piece, length, &result)
      }
    }
    pieces = result
  }

  private static func cut(
    _ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, _ length: Int, _ result: inout [Range<Int>]
  ) {
    var start = piece.lowerBound
    var index = start
    var count = 0
    while index < piece.upperBound {
      index += UTF8Scalar.length(lead: bytes[index])
      count += 1
      if count == length || index >= piece.upperBound {
        result.append(start..<index)
        start = index
        count = 0
      }
    }
  }

  private static func cutOut(
    _ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, _ trie: PieceTrie, _ result: inout [Range<Int>]
  ) {
    var start = piece.lowerBound
    var index = start
    while index < piece.upperBound {
      guard let match = trie.longestPrefix(of: bytes, at: index, upTo: piece.upperBound) else {
        index += 1
        continue
      }
      if start < index { result.append(start..<index) }
      result.append(index..<match.end)
      start = match.end
      index = start
    }
    if start < piece.upperBound { result.append(start..<piece.upperBound) }
  }
}

extension AlignedText {
  /// Puts a space before each piece that does not begin with one, and moves the pieces accordingly.
  mutating func prefixSpaces(_ pieces: inout [Range<Int>]) {
    var rewriter = TextRewriter(self)
    for index in pieces.indices {
      let piece = pieces[index]
      let start = rewriter.count
      rewriter.skip(to: piece.lowerBound)
      if !piece.isEmpty, bytes[piece.lowerBound] != 0x20 { rewriter.insertBefore([0x20]) }
      rewriter.keep(upTo: piece.upperBound)
      pieces[index] = start..<rewriter.count
    }
    self = rewriter.finish()
  }

  /// Writes each byte of the pieces as its scalar of the alphabet of GPT-2, and moves the pieces accordingly.
  mutating func writeInByteAlphabet(_ pieces: inout [Range<Int>]) {
    guard isTracked else { return writeUntracked(&pieces) }
    var rewriter = TextRewriter(self)
    for index in pieces.indices {
      let start = rewriter.count
      rewriter.skip(to: pieces[index].lowerBound)
      for position in pieces[index] {
        rewriter.replace(upTo: position + 1, with: ByteLevelAlphabet.spellings[Int(bytes[position])])
      }
      pieces[index] = start..<rewriter.count
    }
    self = rewriter.finish()
  }

  private mutating func writeUntracked(_ pieces: inout [Range<Int>]) {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 2)
    bytes.withUnsafeBufferPointer { bytes in
      ByteLevelAlphabet.scalars.withUnsafeBufferPointer { scalars in
        for index in pieces.indices {
          let start = result.count
          for position in pieces[index] { UTF8Scalar.append(scalars[Int(bytes[position])], to: &result) }
          pieces[index] = start..<result.count
        }
      }
    }
    bytes = result
    sources = nil
  }
}
