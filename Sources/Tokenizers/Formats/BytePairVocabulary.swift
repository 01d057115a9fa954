/// The vocabulary and merges of byte-pair encoding as files give them, on the way to the tables.
struct BytePairVocabulary {
  var vocabulary: Vocabulary
  var merges = MergeList()
  /// Whether words come as bytes, whose tokens the file spells in the alphabet of GPT-2.
  var isByteLevel = true
  var usesByteFallback = false
  var fusesUnknown = false
  var ignoresMerges = false
  var affixes = BytePairEncoding.Affixes()

  /// A vocabulary of a file, still empty.
  init(file: String) { vocabulary = Vocabulary(file: file) }

  /// The model, and where its words can be cut.
  ///
  /// - Throws: where an id is out of proportion or a merge names a token that is not there.
  func model() throws -> (model: BytePairEncoding, cuts: MarkCuts?) {
    let pieces = try vocabulary.table()
    var model = BytePairEncoding(vocabulary: pieces, merges: try mergeTable(pieces), symbols: symbols(pieces))
    model.unknownID = try vocabulary.unknownID(pieces)
    model.fusesUnknown = fusesUnknown
    model.ignoresMerges = ignoresMerges
    model.affixes = affixes
    return (model, cuts(pieces))
  }

  /// So many merges are looked up together.
  private static let batch = 64

  private func mergeTable(_ pieces: ByteStringTable) throws -> MergeTable {
    var result: [MergeTable.Merge] = []
    result.reserveCapacity(merges.count)
    var last: Int32 = -1
    try merges.withSides { sides in
      for start in stride(from: 0, to: merges.count, by: Self.batch) {
        let ranks = start..<min(start + Self.batch, merges.count)
        let strings = sides[ranks]
        let found = pieces.ids(of: strings)
        for rank in ranks {
          let position = 2 * (rank - start)
          let (left, right) = (strings[position], strings[position + 1])
          let ids = (left: found[position], right: found[position + 1])
          last = joined(left, right, after: last, pieces)
          guard ids.left >= 0, ids.right >= 0, last >= 0 else { throw unknownMerge(rank, left, right) }
          result.append(
            MergeTable.Merge(left: ids.left, right: ids.right, rank: Int32(truncatingIfNeeded: rank), id: last))
        }
      }
    }
    return MergeTable(result)
  }

  /// The token that a merge makes, or −1; merges mostly follow the order of the ids.
  @inline(__always)
  private func joined(_ left: ByteSlice, _ right: ByteSlice, after last: Int32, _ pieces: ByteStringTable) -> Int32 {
    let prefix = min(affixes.continuingPrefix.count, right.count)
    let rest = right.part(prefix..<right.count)
    if pieces.spells(Int(last) + 1, left, rest) { return last + 1 }
    if pieces.spells(Int(last), left, rest) { return last }
    return pieces.id(of: Array(left.bytes) + rest.bytes)
  }

  private func unknownMerge(_ rank: Int, _ left: ByteSlice, _ right: ByteSlice) -> TokenizerError {
    let names = [left, right].map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: " ")
    return TokenizerError(
      .malformedFile, "\(vocabulary.file): merge \(rank) (\(names)) names a token that is not in the vocabulary")
  }

  private func symbols(_ pieces: ByteStringTable) -> BytePairEncoding.Symbols {
    if isByteLevel { return .bytes(ByteLevelAlphabet.spellings.map { pieces.id(of: $0) }) }
    return .scalars(byteFallback: usesByteFallback ? Vocabulary.byteTokens(pieces) : nil)
  }

  private func cuts(_ pieces: ByteStringTable) -> MarkCuts? {
    let mark: [UInt8] = [0xe2, 0x96, 0x81]
    guard !isByteLevel, !ignoresMerges, affixes.isEmpty, pieces.id(of: mark) >= 0 else { return nil }
    let hasAllBytes = usesByteFallback && Vocabulary.byteTokens(pieces).allSatisfy { $0 >= 0 }
    var cuts = MarkCuts(onlyAtMarks: !hasAllBytes)
    vocabulary.pieces.forEach { piece, _ in cuts.note(piece.bytes) }
    return cuts
  }
}
