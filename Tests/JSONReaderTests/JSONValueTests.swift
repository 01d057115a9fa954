import JSONReader
import Testing

@Suite("JSON values in Swift") struct JSONValueTests {
  @Test("literals read like the text they stand for, keys in order")
  func literals() {
    let value: JSONValue = ["z": 1, "a": [0.5, true, "x", .null], "e": [:]]
    #expect(value.serialized() == #"{"z":1,"a":[0.5,true,"x",null],"e":{}}"#)
  }

  @Test("equality goes by kind, order of keys and bytes")
  func equality() {
    #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
    #expect(["a": 1, "b": 2] as JSONValue != ["b": 2, "a": 1])
    #expect(JSONValue.integer(1) != .number(1))
    #expect(["a": [1, .null]] as JSONValue == ["a": [1, .null]])
  }

  @Test("an absent key is nil, a null is not")
  func absence() throws {
    let value = try JSONValue.parse(Array(#"{"a":null}"#.utf8))
    #expect(value["a"] == .null)
    #expect(value["a"] != nil)
    #expect(value["b"] == nil)
  }

  @Test("of a repeated key the last value counts, as in the reference readers; both stay in the list")
  func repeatedKeys() throws {
    let value = try JSONValue.parse(Array(#"{"a":1,"a":2}"#.utf8))
    #expect(value["a"] == 2)
    #expect(value.objectValue?.count == 2)
  }

  @Test("a number beyond the range of a double is refused, not read as infinity")
  func range() {
    #expect(throws: JSONError.self) { try JSONValue.parse(Array("[1e999]".utf8)) }
  }
}
