import Testing

@testable import JSONReader

@Suite("JSON")
struct JSONReaderTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

  @Test("A document reads and writes back the same")
  func roundTrip() throws {
    let text = #"{"b":[1,-2.5,true,null,"x\n\"é"],"a":{},"n":1e-05}"#
    #expect(try parse(text).serialized() == text)
  }

  @Test("Numbers: integers stay integers, others become doubles")
  func numbers() throws {
    #expect(try parse("9007199254740993").intValue == 9_007_199_254_740_993)
    #expect(try parse("123456789012345678901234567890").doubleValue == 1.2345678901234568e29)
    #expect(try parse("10000.0").intValue == 10000)
    #expect(try parse("1.5").intValue == nil)
  }

  @Test("Escapes, surrogate pairs, and lone surrogates as U+FFFD")
  func escapes() throws {
    #expect(try parse(#""\ud83e\udd73 \ud83e \u00e9 \/""#).stringValue == "🥳 \u{FFFD} é /")
  }

  @Test("Keys are told apart by bytes, not by canonical equivalence (case T01)")
  func keys() throws {
    let value = try parse("{\"\u{E9}\": 1, \"e\u{301}\": 2}")
    #expect(value["\u{E9}"]?.intValue == 1)
    #expect(value["e\u{301}"]?.intValue == 2)
  }

  @Test("U+FEFF inside a string is kept; a byte-order mark before the document is skipped (case T04)")
  func byteOrderMark() throws {
    let value = try parse("\u{FEFF}\"\u{FEFF}#\"").stringValue
    #expect(value?.unicodeScalars.map(\.value) == [0xFEFF, 0x23])
  }

  @Test(
    "What is not JSON is refused",
    arguments: [
      "", "{", "[1,]", "{\"a\" 1}", "01", "1.", "nul", "\"", "\"\\x\"", "[1] 2", "{a:1}", "\"\\u12\"", "-", "\"\t\"",
    ])
  func malformed(text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  @Test("Bytes that are not UTF-8 and 100,000 brackets are refused")
  func hostile() {
    #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) {
      try parse(String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000))
    }
  }
}
