/// The vocabulary of any model as files give it, on the way to its tables.
struct Vocabulary {
  /// The file, for messages.
  let file: String
  var pieces = PieceList()
  var addedTokens: [AddedToken] = []
  var unknownPiece: String?
  /// The table of `pieces`, where it was needed before.
  var prepared: ByteStringTable?

  /// The spellings of the model's tokens by id; throws where an id, also of an added token, is out of proportion.
  func table() throws -> ByteStringTable {
    let count = pieces.count + addedTokens.count
    let highest = max(pieces.highestID, addedTokens.map(\.id).max() ?? -1)
    let lowest = min(pieces.lowestID, addedTokens.map(\.id).min() ?? 0)
    guard lowest >= 0, highest < Self.idLimit(tokenCount: count) else {
      throw TokenizerError(
        .malformedFile,
        "\(file): token id \(lowest < 0 ? lowest : highest) does not fit \(count) tokens; check the file")
    }
    return prepared ?? ByteStringTable(pieces, idLimit: pieces.highestID + 1)
  }

  /// The table of pieces whose ids are in proportion, nil where they are not.
  static func prepare(_ pieces: PieceList) -> ByteStringTable? {
    guard pieces.lowestID >= 0, pieces.highestID < idLimit(tokenCount: pieces.count) else { return nil }
    return ByteStringTable(pieces, idLimit: pieces.highestID + 1)
  }

  /// Tables have room for every id up to the highest, which a damaged file could put anywhere.
  private static func idLimit(tokenCount: Int) -> Int { tokenCount * 8 + 65536 }

  /// The id of the unknown token, nil where none is named; throws where it is not there.
  func unknownID(_ table: ByteStringTable) throws -> Int32? {
    guard let unknownPiece else { return nil }
    let id = table.id(of: Array(unknownPiece.utf8))
    if id >= 0 { return id }
    if let added = addedTokens.first(where: { $0.content == Array(unknownPiece.utf8) }) { return Int32(added.id) }
    throw TokenizerError(.malformedFile, "\(file): the unknown token \(unknownPiece) is not in the vocabulary")
  }

  /// The ids of the `<0xNN>` tokens, −1 where one is not there.
  static func byteTokens(_ table: ByteStringTable) -> [Int32] {
    let digits = Array("0123456789ABCDEF".utf8)
    return (0..<256).map { byte in
      table.id(of: Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15]] + Array(">".utf8))
    }
  }
}
