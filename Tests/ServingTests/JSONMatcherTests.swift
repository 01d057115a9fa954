import JSONReader
import Testing

@testable import Serving

@Suite("JSON constraint")
struct JSONMatcherTests {
  private func schema(_ text: String) throws -> JSONSchema {
    try JSONSchema(JSONValue.parse(Array(text.utf8)), param: "schema")
  }

  /// Whether a text passes byte by byte and is complete, and not complete at any earlier byte but for numbers.
  private func accepts(_ schema: JSONSchema, _ text: String) -> Bool {
    var matcher = JSONMatcher(schema)
    for byte in text.utf8 where !matcher.append([byte]) { return false }
    return matcher.isComplete
  }

  @Test(
    "Any JSON passes, in one piece or byte by byte",
    arguments: [
      "{}", "[]", "\"\"", "0", "-12.5e+3", "true", "null", "{\"a\": [1, 2.5, {\"b\": null}], \"c\": \"\\u00e9\\n\"}",
      "{\n  \"a\": \"é 🥳\"\n}", "[[[]]]", "1E5",
    ])
  func anything(text: String) throws {
    #expect(accepts(.any, text))
    var matcher = JSONMatcher(.any)
    let whole = matcher.append(Array(text.utf8))
    #expect(whole && matcher.isComplete)
    #expect((try? JSONValue.parse(Array(text.utf8))) != nil)
  }

  @Test(
    "What is no JSON, or white space without end, does not pass",
    arguments: [
      "{", "{]", "01", "+1", "1.", "tru", "\"\u{1}\"", "{\"a\"}", "[1,]", "{,}", "'a'", " {}", "{\n\n}", "\"\\x\"",
      "[1}",
    ])
  func refused(text: String) { #expect(!accepts(.any, text)) }

  static let person = """
    {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer"},
     "tags": {"type": "array", "items": {"enum": ["a", "b c"]}, "minItems": 1, "maxItems": 2}},
     "required": ["name", "tags"], "additionalProperties": false}
    """

  @Test("A schema's properties, lengths, counts and choices are kept")
  func object() throws {
    let schema = try schema(Self.person)
    for text in [
      "{\"name\": \"Ann\", \"age\": 7, \"tags\": [\"a\"]}", "{\"name\":\"\",\"tags\":[\"b c\",\"a\"]}",
      "{\"name\": \"äöüß🥳\", \"age\": -1, \"tags\": [\"a\"]}",
    ] { #expect(accepts(schema, text), "\(text)") }
    for text in [
      "{}", "{\"name\": \"Ann\"}", "{\"tags\": [\"a\"], \"name\": \"Ann\"}",
      "{\"name\": \"Annika\", \"tags\": [\"a\"]}",
      "{\"name\": \"Ann\", \"age\": 1.5, \"tags\": [\"a\"]}", "{\"name\": \"Ann\", \"tags\": []}",
      "{\"name\": \"Ann\", \"tags\": [\"a\", \"a\", \"a\"]}", "{\"name\": \"Ann\", \"tags\": [\"c\"]}",
      "{\"name\": \"Ann\", \"x\": 1, \"tags\": [\"a\"]}", "[]",
    ] { #expect(!accepts(schema, text), "\(text)") }
  }

  @Test("Choices, references to itself, additional properties, several types")
  func others() throws {
    let tree = try schema(
      """
      {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": ["number", "null"]},
       "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"]}}}
      """)
    #expect(accepts(tree, "{\"value\": 1, \"next\": {\"value\": null, \"next\": null}}"))
    #expect(!accepts(tree, "{\"value\": 1, \"next\": {\"value\": \"x\", \"next\": null}}"))
    let map = try schema("{\"type\": \"object\", \"additionalProperties\": {\"type\": \"boolean\"}}")
    #expect(accepts(map, "{\"a\": true, \"b\": false}") && !accepts(map, "{\"a\": 1}"))
    let constant = try schema("{\"const\": {\"a\": [1]}}")
    #expect(accepts(constant, JSONValue.object([("a", .array([.integer(1)]))]).serialized(pretty: false)))
  }

  @Test(
    "A schema that cannot be kept is refused by the keyword",
    arguments: [
      ("{\"type\": \"string\", \"pattern\": \"a+\"}", "pattern"), ("{\"allOf\": []}", "allOf"),
      ("{\"$ref\": \"#/nowhere\"}", "#/nowhere"), ("{\"$ref\": \"http://x/y\"}", "http://x/y"),
      ("{\"type\": \"date\"}", "date"),
      ("{\"type\": \"object\", \"required\": [\"a\"]}", "requires a"),
      ("{\"type\": \"array\", \"minItems\": 3, \"maxItems\": 2}", "minItems 3"),
    ])
  func unsupported(text: String, word: String) throws {
    let error = #expect(throws: APIError.self) { try schema(text) }
    #expect(error?.message.contains(word) == true && error?.type == "invalid_request_error")
  }
}
