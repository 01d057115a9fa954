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

  private func mergeTable(_ pieces: ByteStringTable) throws -> MergeTable {
    do throws(MergeList.Unknown) {
      return try merges.table(MergeTokens(pieces: pieces, prefixLength: affixes.continuingPrefix.count))
    } catch {
      throw TokenizerError(
        .malformedFile,
        "\(vocabulary.file): merge \(error.rank) (\(error.spelling)) names a token that is not in the vocabulary")
    }
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
