import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Files of every kind with bytes changed, cut and doubled: each is refused with an error of this module or read as
/// another tokenizer, which then encodes and decodes within its vocabulary.
@Suite struct DamagedFileTests {
  enum Kind: String, CaseIterable {
    case byteLevel
    case unigram
    case wordPiece
    case sentencePiece
    case ranks
    case tekken
  }

  @Test("damaged files are refused or read", arguments: Kind.allCases)
  func damage(kind: Kind) throws {
    let original = try bytes(kind)
    #expect(throws: Never.self) { try open(kind, original) }
    var random = SplitMix(state: UInt64(original.count))
    var refused = 0
    for _ in 0..<400 {
      var damaged = original
      for _ in 0..<1 + random.next(4) where !damaged.isEmpty {
        let index = Int(random.next(UInt64(damaged.count)))
        switch random.next(5) {
        case 0: damaged[index] = UInt8(random.next(256))
        case 1: damaged[index] ^= 1 << UInt8(random.next(8))
        case 2: damaged.removeSubrange(index..<min(damaged.count, index + Int(random.next(20))))
        case 3: damaged.insert(contentsOf: damaged[index..<min(damaged.count, index + 12)], at: index)
        default: damaged.removeLast(Int(random.next(UInt64(damaged.count / 2 + 1))))
        }
      }
      do {
        let tokenizer = try open(kind, damaged)
        let ids = try tokenizer.encode("Hello wörld 123 ▁x\n🥳<|end|>")
        #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
        var detokenizer = tokenizer.streamingDetokenizer()
        #expect((ids.map { detokenizer.append($0) } + [detokenizer.finish()]).joined() == tokenizer.decode(ids))
      } catch {
        #expect(error is TokenizerError)
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  private func open(_ kind: Kind, _ bytes: [UInt8]) throws -> Tokenizer {
    switch kind {
    case .byteLevel, .unigram, .wordPiece: try Tokenizer(tokenizerJSON: bytes)
    case .sentencePiece: try Tokenizer(sentencePieceModel: bytes)
    case .ranks: try Tokenizer(ranks: bytes)
    case .tekken: try Tokenizer(tekken: bytes)
    }
  }

  private func bytes(_ kind: Kind) throws -> [UInt8] {
    switch kind {
    case .byteLevel:
      let path = "Tests/TokenizersTests/Fixtures/tiny_byte_level.json"
      return [UInt8](try Data(contentsOf: SharedData.packageRoot.appendingPathComponent(path)))
    case .unigram:
      return Array(
        #"""
        {"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":" {2,}"},
        "content":" "}]},"pre_tokenizer":{"type":"Metaspace","prepend_scheme":"first"},"decoder":{"type":"Metaspace"},
        "model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["▁",-1],["H",-2.5],["ello",-3e0],["w",-4],["1",-5]]}}
        """#.utf8)
    case .wordPiece:
      return Array(
        #"""
        {"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},
        "post_processor":{"type":"BertProcessing","sep":["[SEP]",1],"cls":["[CLS]",2]},"decoder":{"type":"WordPiece"},
        "model":{"type":"WordPiece","vocab":{"[UNK]":0,"[SEP]":1,"[CLS]":2,"hel":3,"##lo":4,"1":5,"##2":6}}}
        """#.utf8)
    case .sentencePiece: return SentencePieceFixture.bytes
    case .ranks:
      // GPT-2 has as many ranks: all bytes, then pairs of them.
      return (0..<50_256).flatMap { rank in
        let token = rank < 256 ? [UInt8(rank)] : [UInt8(rank >> 8), UInt8(rank & 255)]
        return Array("\(Data(token).base64EncodedString()) \(rank)\n".utf8)
      }
    case .tekken:
      let tokens = (0..<256).map { rank in
        #"{"rank":\#(rank),"token_bytes":"\#(Data([UInt8(rank)]).base64EncodedString())","token_str":null}"#
      }
      return Array(
        (#"{"config":{"pattern":"\\p{L}+|\\s+|.","default_num_special_tokens":4,"default_vocab_size":260},"vocab":["#
          + tokens.joined(separator: ",") + "]}").utf8)
    }
  }
}

/// A SentencePiece model written by hand: BPE with byte pieces.
enum SentencePieceFixture {
  /// Pieces with scores and types; ids 3 to 258 are the byte pieces.
  static let pieces: [(piece: String, score: Float, type: UInt8)] =
    [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)]
    + (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return ("<0x\(digits.count < 2 ? "0" : "")\(digits)>", 0, 6)
    }
    + [
      ("▁", -9, 1), ("a", -8, 1), ("b", -7, 1), ("ab", -1, 1), ("▁a", -2, 1), ("▁ab", -3, 1), ("<x>", 0, 4),
    ]

  static let bytes: [UInt8] = {
    var result: [UInt8] = []
    for entry in pieces {
      var message = field(1, Array(entry.piece.utf8)) + [0x15]
      for shift in [0, 8, 16, 24] as [UInt32] {
        message.append(UInt8(truncatingIfNeeded: entry.score.bitPattern >> shift))
      }
      result += field(1, message + [0x18, entry.type])
    }
    // model_type BPE, byte_fallback, and a normalizer that only marks spaces.
    return result + field(2, [0x18, 2, 0x98, 0x02, 1]) + field(3, [0x20, 0])
  }()

  private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    [number << 3 | 2]
      + (content.count < 128 ? [UInt8(content.count)] : [UInt8(content.count & 127 | 128), UInt8(content.count >> 7)])
      + content
  }
}
