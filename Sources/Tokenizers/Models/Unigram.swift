/// The unigram language model: the segmentation of a word with the highest sum of log-probabilities.
///
/// Kudo, arXiv:1804.10959. Ties go to the segmentation found first from the left, and scores are summed as `Double`,
/// both as the `tokenizers` library does.
struct Unigram: Sendable {
  /// How far below the least probable piece an unknown character lies.
  private static let unknownPenalty = 10.0

  private let trie: PieceTrie
  /// Log-probability by id.
  private let scores: [Double]
  private let unknownScore: Double
  private let unknownID: Int32?
  /// The ids of the `<0xNN>` pieces, where fallback is on.
  private let byteFallback: [Int32]?

  /// Working memory, reused from word to word.
  struct Lattice {
    var scores: [Double] = []
    var starts: [Int32] = []
    var ids: [Int32] = []
  }

  /// A model of pieces in order of id, of which only those that `isUsed` names are found in text.
  init(
    pieces: ByteStringTable, scores: [Double], unknownID: Int?, byteFallback: [Int32]?,
    lowestScore: Double? = nil, isUsed: (Int) -> Bool = { _ in true }
  ) {
    var trie = PieceTrie(capacity: scores.count * 4)
    for id in scores.indices where isUsed(id) { pieces.withBytes(id) { trie.insert($0, id: Int32(id)) } }
    self.trie = trie
    self.scores = scores
    self.unknownID = unknownID.map { Int32($0) }
    self.byteFallback = byteFallback
    unknownScore = (lowestScore ?? scores.min() ?? 0) - Self.unknownPenalty
  }

  /// Appends the tokens of one word; throws for an unknown character where the model has no unknown token.
  func encode(_ word: UnsafeBufferPointer<UInt8>, lattice: inout Lattice, into tokens: inout [WordToken]) throws {
    findBestPath(of: word, &lattice)
    let first = tokens.count
    var end = word.count
    while end > 0 {
      var start = Int(lattice.starts[end])
      let id = lattice.ids[end]
      if id == -1 || id == unknownID {
        guard let unknownID else {
          throw TokenizerError(
            .cannotEncode, "the vocabulary has neither a piece for a character of the text nor an unknown token")
        }
        while start > 0, lattice.ids[start] == -1 || lattice.ids[start] == unknownID {
          start = Int(lattice.starts[start])
        }
        appendUnknown(word, start..<end, unknownID, &tokens)
      } else {
        tokens.append(WordToken(id, start, end))
      }
      end = start
    }
    tokens[first...].reverse()
  }

  private func findBestPath(of word: UnsafeBufferPointer<UInt8>, _ lattice: inout Lattice) {
    let size = word.count
    lattice.scores.removeAll(keepingCapacity: true)
    lattice.starts.removeAll(keepingCapacity: true)
    lattice.ids.removeAll(keepingCapacity: true)
    lattice.scores.append(contentsOf: repeatElement(0, count: size + 1))
    lattice.starts.append(contentsOf: repeatElement(-1, count: size + 1))
    lattice.ids.append(contentsOf: repeatElement(-1, count: size + 1))
    lattice.scores.withUnsafeMutableBufferPointer { best in
      lattice.starts.withUnsafeMutableBufferPointer { starts in
        lattice.ids.withUnsafeMutableBufferPointer { ids in
          var start = 0
          while start < size {
            let base = best[start]
            let width = min(UTF8Scalar.length(lead: word[start]), size - start)
            var hasSingle = false
            trie.forEachPrefix(of: word, at: start, upTo: size) { id, end in
              let score = scores[Int(id)] + base
              if starts[end] < 0 || score > best[end] {
                best[end] = score
                starts[end] = Int32(truncatingIfNeeded: start)
                ids[end] = id
              }
              if end - start == width { hasSingle = true }
            }
            let end = start + width
            if !hasSingle, starts[end] < 0 || unknownScore + base > best[end] {
              best[end] = unknownScore + base
              starts[end] = Int32(truncatingIfNeeded: start)
              ids[end] = -1
            }
            start = end
          }
        }
      }
    }
  }

  /// A run of unknown characters is one token, or its bytes where each has a piece; a run that is spelled like a piece
  /// is that piece. Tokens are appended from right to left.
  private func appendUnknown(
    _ word: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ unknownID: Int32, _ tokens: inout [WordToken]
  ) {
    if let match = trie.longestPrefix(of: word, at: range.lowerBound, upTo: range.upperBound),
      match.end == range.upperBound
    {
      tokens.append(WordToken(match.id, range.lowerBound, range.upperBound))
    } else if let byteFallback, range.allSatisfy({ byteFallback[Int(word[$0])] >= 0 }) {
      for index in range.reversed() {
        tokens.append(WordToken(byteFallback[Int(word[index])], range.lowerBound, range.upperBound))
      }
    } else {
      tokens.append(WordToken(unknownID, range.lowerBound, range.upperBound))
    }
  }
}
