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

  /// The spellings of all tokens, the model, and where its words can be cut.
  ///
  /// - Throws: where an id is out of proportion or a merge names a token that is not there.
  func tables() throws -> (pieces: ByteStringTable, model: BytePairEncoding, cuts: MarkCuts?) {
    var pieces = try vocabulary.table()
    let table = try mergeTable(pieces)
    var model = BytePairEncoding(
      vocabulary: isByteLevel ? decodedVocabulary(idLimit: pieces.idLimit) : pieces, merges: table,
      symbols: symbols(pieces))
    model.unknownID = try vocabulary.unknownID(pieces)
    model.fusesUnknown = fusesUnknown
    model.ignoresMerges = ignoresMerges
    model.affixes = affixes
    let cuts = cuts(pieces)
    vocabulary.insertAddedTokens(into: &pieces)
    return (pieces, model, cuts)
  }

  private func mergeTable(_ pieces: ByteStringTable) throws -> MergeTable {
    var table = MergeTable(capacity: merges.count)
    let prefix = affixes.continuingPrefix
    var last: Int32 = -1
    try merges.forEach { rank, left, right, joined in
      let first = pieces.id(of: left)
      let second = pieces.id(of: right)
      var id: Int32
      // Merges mostly follow the order of the ids.
      if prefix.isEmpty, pieces.matches(Int(last) + 1, joined) {
        id = last + 1
      } else if prefix.isEmpty, pieces.matches(Int(last), joined) {
        id = last
      } else if prefix.isEmpty {
        id = pieces.id(of: joined)
      } else {
        id = right.count < prefix.count ? -1 : pieces.id(of: Array(left) + right.dropFirst(prefix.count))
      }
      guard first >= 0, second >= 0, id >= 0 else {
        let names = "\(String(decoding: left, as: UTF8.self)) \(String(decoding: right, as: UTF8.self))"
        throw TokenizerError(
          .malformedFile, "\(vocabulary.file): merge \(rank) (\(names)) names a token that is not in the vocabulary")
      }
      table.insert(first, second, rank: rank, id: id)
      last = id
    }
    return table
  }

  /// The strings that words are compared with: bytes of text, not of the file's spelling.
  private func decodedVocabulary(idLimit: Int) -> ByteStringTable {
    guard ignoresMerges else { return ByteStringTable(capacity: 0, idLimit: 0) }
    var table = ByteStringTable(capacity: vocabulary.pieces.count, idLimit: idLimit)
    var bytes: [UInt8] = []
    vocabulary.pieces.forEach { piece, id in
      bytes.removeAll(keepingCapacity: true)
      if ByteLevelAlphabet.append(strictlyDecoding: piece, to: &bytes) { table.insert(bytes, id: id) }
    }
    return table
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
    vocabulary.pieces.forEach { piece, _ in cuts.note(piece) }
    return cuts
  }
}
