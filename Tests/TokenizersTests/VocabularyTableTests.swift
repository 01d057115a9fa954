import Testing

@testable import Tokenizers

/// The tables that are read from vocabulary files; expected values follow from the definitions.
@Suite struct VocabularyTableTests {
  /// Strings of every length around the steps of eight and sixteen bytes, with and without a zero at the end.
  private let strings = (0...40).flatMap { length in
    [[UInt8](repeating: 0x61, count: length), [UInt8](repeating: 0x61, count: length) + [0]]
  }

  @Test("every string has its id, one by one and together, and no other string has one")
  func lookUps() throws {
    var list = PieceList()
    for (id, string) in strings.enumerated() { try list.append(string, id: id) }
    let table = ByteStringTable(list, idLimit: strings.count)
    let absent = strings.map { $0 + [0x62] }
    let all = strings + absent
    let expected = Array(0..<Int32(strings.count)) + absent.map { _ in -1 }
    #expect(all.map { table.id(of: $0) } == expected)
    let text = all.flatMap { $0 }
    let together = text.withUnsafeBufferPointer { text in
      var start = 0
      let slices = all.map { string in
        defer { start += string.count }
        return ByteSlice(text, start, string.count)
      }
      return slices.withUnsafeBufferPointer { slices in
        [Int32](unsafeUninitializedCapacity: all.count) { ids, count in
          count = all.count
          table.find(slices, into: ids)
        }
      }
    }
    #expect(together == expected)
    #expect(strings.indices.allSatisfy { table[$0].map(Array.init) == strings[$0] })
    #expect(table[strings.count] == nil)
  }

  @Test("strings whose lengths and bytes differ alike have different hashes, so that no vocabulary is looked up slowly")
  func hashes() throws {
    // 20 ^ 17 is "*" ^ "/": two tokens of Llama 3. Of the short ones, a byte rises where the length falls.
    let pairs: [(String, String)] = [
      (String(repeating: "*", count: 20), "/" + String(repeating: "*", count: 16)),
      (String(repeating: "*", count: 76), "/" + String(repeating: "*", count: 72)),
      ("abcdefgha\0", "abcdefghb"), ("abcdefghb", "abcdefghb\0"), ("a", "a\0"), ("", "\0"),
    ]
    for (left, right) in pairs {
      for _ in 0..<100 {
        let hash = ByteHash()
        let hashes = [left, right].map { Array($0.utf8).withUnsafeBufferPointer { hash(ByteSlice($0)) } }
        #expect(hashes[0] != hashes[1], "\(left) \(right)")
      }
    }
  }

  @Test("of equal pairs the last merge counts; other pairs have none")
  func merges() {
    let merges =
      (0..<1000).map { MergeTable.Merge(left: $0 % 40, right: $0 / 40, id: $0 + 1) }
      + [MergeTable.Merge(left: 3, right: 2, id: 9)]
    let table = MergeTable(LargeArray(merges))
    #expect(table.merge(39, 24) == 999 << 32 | 1000)
    #expect(table.merge(3, 2) == 1000 << 32 | 9)
    #expect(table.merge(24, 39) == MergeTable.none)
    let ranked = MergeTable(LargeArray(merges), ranks: merges.indices.map { Int32($0 / 500) })
    #expect(ranked.merge(39, 24) == 1 << 32 | 1000)
    #expect(ranked.merge(3, 2) == 2 << 32 | 9)
    #expect(MergeTable(LargeArray()).merge(0, 0) == MergeTable.none)
  }

  @Test(
    "merges as strings, as pairs, with escapes, and before the vocabulary",
    arguments: [
      #""merges":["Ġ a","Ġa b"],"vocab":{"Ġ":0,"a":1,"b":2,"Ġa":3,"Ġab":4}"#,
      #""merges":[["Ġ","a"],["Ġa","b"]],"vocab":{"Ġ":0,"a":1,"b":2,"Ġa":3,"Ġab":4}"#,
      #""vocab":{"\u0120":0,"\u0061":1,"b":2,"\u0120a":3,"Ġ\u0061b":4},"merges":["\u0120 a",["Ġ\u0061","b"]]"#,
      #""continuing_subword_prefix":null,"vocab":{"Ġ":0,"a":1,"b":2,"Ġa":3,"Ġab":4},"merges":["Ġ a",["Ġa","b"]]"#,
      #""merges":["Ġ a","Ġa b"],"continuing_subword_prefix":"","vocab":{"Ġ":0,"a":1,"b":2,"Ġa":3,"Ġab":4}"#,
      #""vocab" : { "Ġab":4,"Ġa":3,        "b":2,"a"  :1  ,"Ġ":0 } , "merges" : [ "Ġ a" , [ "Ġa" , "b" ] ]"#,
    ])
  func spellings(model: String) throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Array("{\"model\":{\"type\":\"BPE\",\(model)}}".utf8))
    #expect(try tokenizer.encode("Ġab") == [4])
    #expect(try tokenizer.encode("Ġa") == [3])
    #expect(try tokenizer.encode("ab") == [1, 2])
  }

  @Test(
    "the prefix of later symbols stands before the merges, or after them",
    arguments: [
      #""continuing_subword_prefix":"@@","vocab":{"a":0,"@@b":1,"ab":2},"merges":["a @@b"]"#,
      #""vocab":{"a":0,"@@b":1,"ab":2},"merges":["a @@b"],"continuing_subword_prefix":"@@""#,
    ])
  func prefix(model: String) throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Array("{\"model\":{\"type\":\"BPE\",\(model)}}".utf8))
    #expect(try tokenizer.encode("ab") == [2])
  }

  @Test("more merges than are looked up together")
  func manyMerges() throws {
    // a, aa, aaa, … each made of the one before and another a.
    let words = (1...200).map { String(repeating: "a", count: $0) }
    let vocabulary = words.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
    let merges = words.dropLast().map { "\"\($0) a\"" }.joined(separator: ",")
    let model = "\"continuing_subword_prefix\":null,\"vocab\":{\(vocabulary)},\"merges\":[\(merges)"
    let tokenizer = try Tokenizer(tokenizerJSON: Array("{\"model\":{\(model)]}}".utf8))
    #expect(try tokenizer.encode("aaa") == [2])
    #expect(try tokenizer.encode("aaaaa") == [1, 2])
    let unknown = Array("{\"model\":{\(model),\"b a\"]}}".utf8)
    #expect { try Tokenizer(tokenizerJSON: unknown) } throws: { "\($0)".contains("merge 199 (b a)") }
  }

  @Test("a second vocabulary is refused: merges may have been looked up in the first")
  func secondVocabulary() {
    let json = #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"vocab":{"b":0}}}"#
    #expect { try Tokenizer(tokenizerJSON: Array(json.utf8)) } throws: {
      ($0 as? TokenizerError)?.code == .malformedFile && "\($0)".contains("vocab")
    }
  }

  @Test("a merge that is not UTF-8 is refused")
  func damagedMerge() {
    let json =
      Array(#"{"model":{"type":"BPE","vocab":{"a":0,"aa":1},"merges":["a "#.utf8) + [0xff] + Array(#""]}}"#.utf8)
    #expect { try Tokenizer(tokenizerJSON: json) } throws: { ($0 as? TokenizerError)?.code == .malformedFile }
  }

  @Test("an added token shadows the spelling of its id, and the model keeps its own")
  func shadowed() throws {
    let json =
      #"{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"#
      + #""added_tokens":[{"id":1,"content":"<x>"},{"id":5,"content":"<y>"}]}"#
    let tokenizer = try Tokenizer(tokenizerJSON: Array(json.utf8))
    #expect(try tokenizer.encode("ab<x><y>") == [0, 1, 1, 5])
    #expect(tokenizer.piece(of: 1) == "<x>")
    #expect(tokenizer.tokenID(of: "<y>") == 5)
    #expect(tokenizer.piece(of: 4) == nil)
    #expect(tokenizer.vocabularySize == 6)
  }

  @Test(
    "digits in threes, after the change to bytes",
    arguments: [("12345", ["123", "45"]), ("a1234b", ["a", "123", "4", "b"]), ("12", ["12"])])
  func threeDigits(text: String, expected: [String]) throws {
    let json = #"""
      {"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},
      {"type":"Digits"},{"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},"behavior":"Isolated","invert":false}]}}
      """#
    let content = try Array(json.utf8).withUnsafeBufferPointer { try TokenizerJSONContent(reading: $0) }
    let steps = try TokenizerJSON(file: "x", content: content).preTokenizerSteps(content.root[0].value)
    let bytes = Array(text.utf8)
    var pieces = [0..<bytes.count]
    try bytes.withUnsafeBufferPointer { try PreTokenizer(steps: steps.dropLast()).split($0, &pieces) }
    #expect(pieces.map { String(decoding: bytes[$0], as: UTF8.self) } == expected)
  }
}
