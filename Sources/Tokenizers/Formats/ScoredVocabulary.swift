/// A SentencePiece vocabulary as its files give it: `.model` files, and GGUF files of the model `llama`.
struct ScoredVocabulary {
  /// Types of pieces, numbered as in `sentencepiece_model.proto` and in GGUF.
  enum PieceType: Int, Sendable {
    case normal = 1
    case unknown
    case control
    case userDefined
    case unused
    case byte
  }

  enum Kind: Sendable {
    case unigram
    case bytePairEncoding
  }

  /// The file, for messages.
  let file: String
  var kind = Kind.bytePairEncoding
  /// UTF-8 of each piece, in order of id.
  var pieces: [[UInt8]] = []
  var scores: [Float] = []
  var types: [PieceType] = []
  var usesByteFallback = true
  var normalizer = SentencePieceNormalizer()
  /// Whether user-defined pieces are cut out of the text before anything else looks at it.
  var parsesUserDefined = false

  /// Whether the model can find a piece in text.
  private func isFound(_ id: Int) -> Bool {
    types[id] == .normal || types[id] == .userDefined || types[id] == .unused
  }

  /// The parts of the tokenizer.
  func parts() throws -> TokenizerParts {
    var vocabulary = Vocabulary(file: file)
    for (id, piece) in pieces.enumerated() {
      try vocabulary.pieces.append(piece, id: id)
      if types[id] == .control || (parsesUserDefined && types[id] == .userDefined) {
        vocabulary.addedTokens.append(AddedToken(id: id, content: piece, special: types[id] == .control))
      }
    }
    var normalizer = normalizer
    var symbols = PieceTrie()
    let userDefined = pieces.indices.filter { types[$0] == .userDefined && !parsesUserDefined }
    for id in userDefined { pieces[id].withUnsafeBufferPointer { symbols.insert($0, id: Int32(id)) } }
    normalizer.protected = symbols
    let table = try vocabulary.table()
    var steps: [PreTokenizer.Step] = []
    let model: TokenModel
    var cuts: MarkCuts?
    switch kind {
    case .unigram: model = .unigram(unigram(table))
    case .bytePairEncoding:
      if !userDefined.isEmpty { steps = [.symbols(symbols)] }
      model = .bytePairEncoding(try bytePairEncoding(table, userDefined))
      let hasAllBytes = byteTokens(table)?.allSatisfy { $0 >= 0 } ?? false
      var learned = MarkCuts(onlyAtMarks: !hasAllBytes)
      for (id, piece) in pieces.enumerated() where isFound(id) {
        piece.withUnsafeBufferPointer { learned.note($0) }
      }
      cuts = learned
    }
    var decoder: [TokenDecoder.Step] = [.replace([0xe2, 0x96, 0x81], with: [0x20]), .byteFallback, .fuse]
    if normalizer.addsPrefix { decoder.append(.strip([0x20], start: 1, stop: 0)) }
    return TokenizerParts(
      pieces: TokenSpellings(table), model: model, cuts: cuts, addedTokens: vocabulary.addedTokens,
      normalizer: .sentencePiece(normalizer), preTokenizerSteps: steps, decoder: TokenDecoder(steps: decoder))
  }

  private var unknownID: Int? { types.firstIndex(of: .unknown) }

  private func byteTokens(_ table: ByteStringTable) -> [Int32]? {
    usesByteFallback ? Vocabulary.byteTokens(table) : nil
  }

  /// User-defined pieces win over any other segmentation of their length.
  private func unigram(_ table: ByteStringTable) -> Unigram {
    let normal = pieces.indices.filter { types[$0] == .normal }.map { Double(scores[$0]) }
    let highest = normal.max() ?? 0
    let adjusted = pieces.indices.map { id in
      types[id] == .userDefined ? Double(pieces[id].count) * highest - 0.1 : Double(scores[id])
    }
    return Unigram(
      pieces: table, scores: adjusted, unknownID: unknownID, byteFallback: byteTokens(table),
      lowestScore: normal.min() ?? 0
    ) { types[$0] == .normal || types[$0] == .userDefined }
  }

  /// Any two pieces that together are a piece may be joined, the best score first.
  private func bytePairEncoding(_ table: ByteStringTable, _ userDefined: [Int]) throws -> BytePairEncoding {
    let candidates = pieces.indices.filter { isFound($0) }
    let found = try subset(candidates)
    let order = candidates.sorted { scores[$0] > scores[$1] }
    var ranks = [Int](repeating: 0, count: pieces.count)
    for (position, id) in order.enumerated() {
      let previous = position > 0 ? order[position - 1] : id
      ranks[id] = position > 0 && scores[previous] == scores[id] ? ranks[previous] : position
    }
    var model = BytePairEncoding(
      vocabulary: found, merges: .joiningPieces(found, candidates, betweenScalars: true) { ranks[$0] },
      symbols: .scalars(byteFallback: byteTokens(table)))
    model.unknownID = unknownID.map { Int32($0) }
    model.fusesUnknown = true
    if !userDefined.isEmpty { model.wholePieces = try subset(userDefined) }
    return model
  }

  private func subset(_ ids: [Int]) throws -> ByteStringTable {
    var list = PieceList()
    for id in ids { try list.append(pieces[id], id: id) }
    return ByteStringTable(list, idLimit: pieces.count)
  }
}

extension MergeTable {
  /// Longer pieces are not taken apart: no vocabulary has merges that long, and a hostile file could.
  private static let longestPiece = 512

  /// A table in which two pieces may be joined where together they are a piece, with the rank of that.
  static func joiningPieces(
    _ pieces: ByteStringTable, _ ids: [Int], betweenScalars: Bool, rank: (Int) -> Int
  ) -> MergeTable {
    var merges: [Merge] = []
    merges.reserveCapacity(ids.count * 2)
    var ranks: [Int32] = []
    ranks.reserveCapacity(ids.count * 2)
    for id in ids {
      let rank = Int32(truncatingIfNeeded: rank(id))
      pieces.withBytes(id) { piece in
        guard piece.count > 1, piece.count <= longestPiece else { return }
        for middle in 1..<piece.count where !betweenScalars || piece[middle] & 0xc0 != 0x80 {
          let left = pieces.id(of: ByteSlice(piece, 0, middle))
          guard left >= 0 else { continue }
          let right = pieces.id(of: ByteSlice(piece, middle, piece.count - middle))
          if right >= 0 {
            merges.append(Merge(left: left, right: right, id: Int32(truncatingIfNeeded: id)))
            ranks.append(rank)
          }
        }
      }
    }
    return MergeTable(LargeArray(merges), ranks: ranks)
  }
}
