/// Reads SentencePiece's `.model` files (`sentencepiece_model.proto`).
struct SentencePieceModel {
  let file: String
  private(set) var vocabulary: ScoredVocabulary
  private(set) var beginID: Int?
  private(set) var endID: Int?

  /// Reads the bytes of a file; refuses models of whole words or characters by name.
  init(_ bytes: [UInt8], file: String) throws {
    self.file = file
    vocabulary = ScoredVocabulary(file: file)
    vocabulary.kind = .unigram
    vocabulary.usesByteFallback = false
    beginID = 1
    endID = 2
    do {
      var reader = ProtobufReader(bytes[...])
      while let (field, value) = try reader.next() {
        guard case .bytes(let message) = value else { continue }
        switch field {
        case 1: try readPiece(message)
        case 2: try readTrainer(message)
        case 3: try readNormalizer(message)
        default: break
        }
      }
    } catch let error as TokenizerError where error.code == .malformedFile {
      throw TokenizerError(.malformedFile, "\(file): \(error.message)")
    }
    guard !vocabulary.pieces.isEmpty else {
      throw TokenizerError(.malformedFile, "\(file): not a SentencePiece model, or one without pieces")
    }
    beginID = beginID.flatMap { vocabulary.pieces.indices.contains($0) ? $0 : nil }
    endID = endID.flatMap { vocabulary.pieces.indices.contains($0) ? $0 : nil }
  }

  private mutating func readPiece(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    var piece: [UInt8] = []
    var score: Float = 0
    var type = ScoredVocabulary.PieceType.normal
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let bytes)):
        guard String(validating: bytes, as: UTF8.self) != nil else {
          throw TokenizerError(.malformedFile, "piece \(vocabulary.pieces.count) is not UTF-8")
        }
        piece = Array(bytes)
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .integer(let number)):
        guard let known = ScoredVocabulary.PieceType(rawValue: Int(truncatingIfNeeded: number)) else {
          throw TokenizerError(.malformedFile, "piece \(vocabulary.pieces.count) is of the unknown type \(number)")
        }
        type = known
      default: break
      }
    }
    guard score.isFinite else {
      throw TokenizerError(.malformedFile, "the score of piece \(vocabulary.pieces.count) is not finite")
    }
    vocabulary.pieces.append(piece)
    vocabulary.scores.append(score)
    vocabulary.types.append(type)
  }

  private mutating func readTrainer(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    while let (field, value) = try reader.next() {
      guard case .integer(let bits) = value else { continue }
      let number = Int(truncatingIfNeeded: Int64(bitPattern: bits))
      switch field {
      case 3:
        guard number == 1 || number == 2 else {
          throw TokenizerError(
            .unsupportedPart,
            "\(file): the model type \(number == 3 ? "word" : number == 4 ? "char" : String(number)) is not supported; "
              + "only BPE and Unigram are")
        }
        vocabulary.kind = number == 1 ? .unigram : .bytePairEncoding
      case 24 where number != 0:
        throw TokenizerError(.unsupportedPart, "\(file): treat_whitespace_as_suffix is not supported")
      case 35: vocabulary.usesByteFallback = number != 0
      case 41: beginID = number >= 0 ? number : nil
      case 42: endID = number >= 0 ? number : nil
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let blob)) where !blob.isEmpty:
        guard let map = PrecompiledMap(Array(blob)) else {
          throw TokenizerError(.malformedFile, "the precompiled_charsmap is not a compiled map")
        }
        vocabulary.normalizer.map = map
      case (3, .integer(let flag)): vocabulary.normalizer.addsPrefix = flag != 0
      case (4, .integer(let flag)): vocabulary.normalizer.removesExtraSpaces = flag != 0
      case (5, .integer(let flag)): vocabulary.normalizer.escapesSpaces = flag != 0
      default: break
      }
    }
  }

  /// The parts of the tokenizer; texts begin with the token for that, as the Llama family has it.
  func parts() throws -> TokenizerParts {
    var parts = try vocabulary.parts()
    parts.bosID = beginID
    parts.eosIDs = [endID].compactMap { $0 }
    parts.template.prefix = [beginID].compactMap { $0 }
    return parts
  }
}

extension Tokenizer {
  /// The tokenizer of the bytes of a SentencePiece `.model` file (BPE or Unigram); `file` names them in messages.
  public convenience init(sentencePieceModel bytes: [UInt8], file: String = "tokenizer.model") throws {
    self.init(try SentencePieceModel(bytes, file: file).parts())
  }
}
