/// Byte-pair encoding: the symbols of a word are merged in order of rank, the leftmost first among equals.
///
/// Sennrich et al., arXiv:1508.07909; over bytes as in GPT-2 when `symbols` is `.bytes`.
struct BytePairEncoding: Sendable {
  /// What a word is cut into before the first merge.
  enum Symbols: Sendable {
    /// One symbol for each byte; the table gives its id, −1 where the vocabulary lacks it.
    case bytes([Int32])
    /// One symbol for each Unicode scalar, with the ids of the `<0xNN>` tokens where fallback is on.
    case scalars(byteFallback: [Int32]?)
  }

  let vocabulary: ByteStringTable
  let merges: MergeTable
  let symbols: Symbols
  /// The id that stands for a symbol outside the vocabulary; without one such symbols vanish.
  let unknownID: Int32?
  /// Whether neighbouring unknown symbols become one token.
  let fusesUnknown: Bool
  /// Whether a word that is in the vocabulary is taken whole.
  let ignoresMerges: Bool

  /// Words up to this many symbols are merged by scanning; longer ones with a heap.
  private static let scanLimit = 48

  /// Appends the tokens of one word; the spans count bytes from `offset`.
  func encode(
    _ word: UnsafeBufferPointer<UInt8>, offset: Int, scratch: inout MergeScratch, into spans: inout [TokenSpan]
  ) {
    guard !word.isEmpty else { return }
    if ignoresMerges || word.count == 1 {
      let id = vocabulary.id(of: word)
      if id >= 0 {
        spans.append(TokenSpan(id: Int(id), start: offset, end: offset + word.count))
        return
      }
    }
    scratch.removeAll()
    appendSymbols(of: word, to: &scratch)
    if scratch.count <= Self.scanLimit {
      scratch.mergeByScanning(merges)
    } else {
      scratch.mergeWithHeap(merges)
    }
    scratch.forEachSymbol { id, start, end in
      spans.append(TokenSpan(id: Int(id), start: offset + start, end: offset + end))
    }
  }

  private func appendSymbols(of word: UnsafeBufferPointer<UInt8>, to scratch: inout MergeScratch) {
    var lastWasUnknown = false
    func appendUnknown(_ range: Range<Int>, _ scratch: inout MergeScratch) {
      guard let unknownID else { return }
      if fusesUnknown, lastWasUnknown {
        scratch.extendLast(to: range.upperBound)
      } else {
        scratch.append(unknownID, start: range.lowerBound, end: range.upperBound)
      }
      lastWasUnknown = true
    }
    switch symbols {
    case .bytes(let ids):
      for (index, byte) in word.enumerated() {
        if ids[Int(byte)] >= 0 {
          scratch.append(ids[Int(byte)], start: index, end: index + 1)
          lastWasUnknown = false
        } else {
          appendUnknown(index..<index + 1, &scratch)
        }
      }
    case .scalars(let byteFallback):
      var start = 0
      while start < word.count {
        let end = min(start + UTF8Scalar.length(lead: word[start]), word.count)
        let scalar = UnsafeBufferPointer(rebasing: word[start..<end])
        let id = vocabulary.id(of: scalar)
        if id >= 0 {
          scratch.append(id, start: start, end: end)
          lastWasUnknown = false
        } else if let byteFallback, scalar.allSatisfy({ byteFallback[Int($0)] >= 0 }) {
          for index in start..<end { scratch.append(byteFallback[Int(word[index])], start: index, end: index + 1) }
          lastWasUnknown = false
        } else {
          appendUnknown(start..<end, &scratch)
        }
        start = end
      }
    }
  }
}
