/// The part of a tokenizer that turns words into tokens.
enum TokenModel: Sendable {
  case bytePairEncoding(BytePairEncoding)
  case unigram(Unigram)
  case wordPiece(WordPiece)
  case wordLevel(WordLevel)

  /// Working memory of the models, reused from word to word.
  struct Scratch {
    var merges = MergeScratch()
    var lattice = Unigram.Lattice()
  }

  /// Appends the tokens of one word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, scratch: inout Scratch, into tokens: inout [WordToken]) throws {
    switch self {
    case .bytePairEncoding(let model): model.encode(word, scratch: &scratch.merges, into: &tokens)
    case .unigram(let model): try model.encode(word, lattice: &scratch.lattice, into: &tokens)
    case .wordPiece(let model): try model.encode(word, into: &tokens)
    case .wordLevel(let model): try model.encode(word, into: &tokens)
    }
  }
}

/// A vocabulary of whole words.
struct WordLevel: Sendable {
  let vocabulary: ByteStringTable
  let unknownID: Int32?
  let unknownPiece: String

  /// Appends the token of one word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [WordToken]) throws {
    let id = vocabulary.id(of: word)
    guard let found = id >= 0 ? id : unknownID else {
      throw TokenizerError(
        .cannotEncode, "a word is not in the vocabulary, and neither is the unknown token \"\(unknownPiece)\"")
    }
    tokens.append(WordToken(found, 0, word.count))
  }
}
