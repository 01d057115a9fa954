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

  /// What stands before all symbols of a word but the first, and after its last.
  struct Affixes: Sendable {
    var continuingPrefix: [UInt8] = []
    var endOfWordSuffix: [UInt8] = []
    var isEmpty: Bool { continuingPrefix.isEmpty && endOfWordSuffix.isEmpty }
  }

  /// The tokens as the file spells them: bytes in the alphabet of GPT-2.
  let vocabulary: ByteStringTable
  let merges: MergeTable
  let symbols: Symbols
  /// The id that stands for a symbol outside the vocabulary; without one such symbols vanish.
  var unknownID: Int32?
  /// Whether neighbouring unknown symbols become one token.
  var fusesUnknown = false
  /// Whether a word that is in the vocabulary is taken whole.
  var ignoresMerges = false
  var affixes = Affixes()
  /// Pieces that are taken whole where a word is one of them, as user-defined symbols are.
  var wholePieces: ByteStringTable?

  /// Words up to this many symbols are merged by scanning; longer ones with a heap.
  private static let scanLimit = 48

  /// Appends the tokens of one word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, scratch: inout MergeScratch, into tokens: inout [WordToken]) {
    guard !word.isEmpty else { return }
    if ignoresMerges {
      let id = wholeWord(word)
      if id >= 0 {
        tokens.append(WordToken(id, 0, word.count))
        return
      }
    }
    if let wholePieces {
      let id = wholePieces.id(of: word)
      if id >= 0 {
        tokens.append(WordToken(id, 0, word.count))
        return
      }
    }
    scratch.removeAll()
    switch symbols {
    case .bytes(let ids): appendBytes(of: word, ids, to: &scratch)
    case .scalars(let byteFallback): appendScalars(of: word, byteFallback, to: &scratch)
    }
    if scratch.count <= Self.scanLimit {
      scratch.mergeByScanning(merges)
    } else {
      scratch.mergeWithHeap(merges)
    }
    // Symbols that vanished leave no gap: the offsets are the sums of the lengths.
    var end = 0
    scratch.forEachSymbol { id, length in
      tokens.append(WordToken(id, end, end + length))
      end += length
    }
  }

  /// The token that is a word, or −1.
  private func wholeWord(_ word: UnsafeBufferPointer<UInt8>) -> Int32 {
    if case .bytes = symbols { return vocabulary.id(of: ByteLevelAlphabet.spelling(of: word)) }
    return vocabulary.id(of: word)
  }

  private func appendBytes(of word: UnsafeBufferPointer<UInt8>, _ ids: [Int32], to scratch: inout MergeScratch) {
    var unknownLength = 0
    for byte in word {
      let id = ids[Int(byte)]
      if id >= 0 {
        endUnknown(&unknownLength, &scratch)
        scratch.append(id, length: 1)
      } else {
        appendUnknown(1, &unknownLength, &scratch)
      }
    }
    endUnknown(&unknownLength, &scratch)
  }

  private func appendScalars(
    of word: UnsafeBufferPointer<UInt8>, _ byteFallback: [Int32]?, to scratch: inout MergeScratch
  ) {
    var unknownLength = 0
    var start = 0
    while start < word.count {
      let end = min(start + UTF8Scalar.length(lead: word[start]), word.count)
      let scalar = UnsafeBufferPointer(rebasing: word[start..<end])
      let id: Int32
      var spelled: [UInt8] = []
      if affixes.isEmpty {
        id = vocabulary.id(of: scalar)
      } else {
        spelled = (start > 0 ? affixes.continuingPrefix : []) + scalar
        if end == word.count { spelled += affixes.endOfWordSuffix }
        id = vocabulary.id(of: spelled)
      }
      if id >= 0 {
        endUnknown(&unknownLength, &scratch)
        scratch.append(id, length: end - start)
      } else if let byteFallback,
        affixes.isEmpty
          ? scalar.allSatisfy({ byteFallback[Int($0)] >= 0 }) : spelled.allSatisfy({ byteFallback[Int($0)] >= 0 })
      {
        if affixes.isEmpty {
          for byte in scalar { scratch.append(byteFallback[Int(byte)], length: 1) }
        } else {
          for byte in spelled { scratch.append(byteFallback[Int(byte)], length: 1) }
        }
      } else {
        appendUnknown(end - start, &unknownLength, &scratch)
      }
      start = end
    }
    endUnknown(&unknownLength, &scratch)
  }

  private func appendUnknown(_ length: Int, _ pending: inout Int, _ scratch: inout MergeScratch) {
    guard unknownID != nil else { return }
    if !fusesUnknown { endUnknown(&pending, &scratch) }
    pending += length
  }

  private func endUnknown(_ pending: inout Int, _ scratch: inout MergeScratch) {
    guard pending > 0, let unknownID else { return }
    scratch.append(unknownID, length: pending)
    pending = 0
  }
}
