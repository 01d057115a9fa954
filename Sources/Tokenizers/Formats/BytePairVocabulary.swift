/// The vocabulary and merges of byte-pair encoding as files give them, on the way to the tables.
struct BytePairVocabulary {
  /// The file, for messages.
  let file: String
  /// Token spellings and ids of the model.
  var entries: [(piece: String, id: Int)] = []
  /// Both sides of each merge, in order of rank.
  var merges: [(left: String, right: String)] = []
  var addedTokens: [AddedToken] = []
  var isByteLevel = true
  var usesByteFallback = false
  var unknownPiece: String?
  var fusesUnknown = false
  var ignoresMerges = false

  /// The tables; throws where an id is out of proportion or a merge names a token that is not there.
  func tables() throws -> (pieces: ByteStringTable, model: BytePairEncoding) {
    let count = entries.count + addedTokens.count
    let highest = max(entries.map(\.id).max() ?? -1, addedTokens.map(\.id).max() ?? -1)
    let lowest = min(entries.map(\.id).min() ?? 0, addedTokens.map(\.id).min() ?? 0)
    guard lowest >= 0, highest < count * 8 + 65536 else {
      throw TokenizerError(
        .malformedFile,
        "\(file): token id \(lowest < 0 ? lowest : highest) does not fit \(count) tokens; check the file")
    }
    var pieces = ByteStringTable(capacity: count, idLimit: highest + 1)
    for entry in entries { Self.withBytes(entry.piece) { pieces.insert($0, id: entry.id, indexed: true) } }
    let table = try mergeTable(pieces)
    let model = BytePairEncoding(
      vocabulary: modelVocabulary(idLimit: highest + 1), merges: table, symbols: symbols(pieces),
      unknownID: try unknownID(pieces), fusesUnknown: fusesUnknown, ignoresMerges: ignoresMerges)
    for token in addedTokens {
      token.content.withUnsafeBufferPointer { pieces.insert($0, id: token.id, indexed: true) }
    }
    return (pieces, model)
  }

  private func mergeTable(_ pieces: ByteStringTable) throws -> MergeTable {
    var table = MergeTable(capacity: merges.count)
    var joined: [UInt8] = []
    for (rank, merge) in merges.enumerated() {
      let left = Self.withBytes(merge.left) { pieces.id(of: $0) }
      let right = Self.withBytes(merge.right) { pieces.id(of: $0) }
      joined.removeAll(keepingCapacity: true)
      joined.append(contentsOf: merge.left.utf8)
      joined.append(contentsOf: merge.right.utf8)
      let id = pieces.id(of: joined)
      guard left >= 0, right >= 0, id >= 0 else {
        throw TokenizerError(
          .malformedFile,
          "\(file): merge \(rank) (\(merge.left) \(merge.right)) names a token that is not in the vocabulary")
      }
      table.insert(left, right, rank: rank, id: id)
    }
    return table
  }

  /// The strings that words are compared with: bytes of text, not of the file's spelling.
  private func modelVocabulary(idLimit: Int) -> ByteStringTable {
    var table = ByteStringTable(capacity: entries.count, idLimit: idLimit)
    for entry in entries {
      Self.withBytes(entry.piece) { piece in
        guard isByteLevel else {
          table.insert(piece, id: entry.id, indexed: true)
          return
        }
        guard let bytes = ByteLevelAlphabet.decode(piece) else { return }
        bytes.withUnsafeBufferPointer { table.insert($0, id: entry.id, indexed: true) }
      }
    }
    return table
  }

  private func symbols(_ pieces: ByteStringTable) -> BytePairEncoding.Symbols {
    if isByteLevel {
      return .bytes(
        ByteLevelAlphabet.scalars.map { value in
          Unicode.Scalar(value).map { pieces.id(of: Array(String(Character($0)).utf8)) } ?? -1
        })
    }
    guard usesByteFallback else { return .scalars(byteFallback: nil) }
    let digits = Array("0123456789ABCDEF".utf8)
    return .scalars(
      byteFallback: (0..<256).map { byte in
        pieces.id(of: Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15]] + Array(">".utf8))
      })
  }

  private func unknownID(_ pieces: ByteStringTable) throws -> Int32? {
    guard let unknownPiece else { return nil }
    let id = pieces.id(of: Array(unknownPiece.utf8))
    if id >= 0 { return id }
    if let added = addedTokens.first(where: { $0.content == Array(unknownPiece.utf8) }) { return Int32(added.id) }
    throw TokenizerError(.malformedFile, "\(file): the unknown token \(unknownPiece) is not in the vocabulary")
  }

  private static func withBytes<Result>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    var text = text
    return text.withUTF8(body)
  }
}
