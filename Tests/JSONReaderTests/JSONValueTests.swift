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
}
