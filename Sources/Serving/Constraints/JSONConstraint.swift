import Generation
import JSONReader
import Tokenizers

/// Lets only tokens follow that keep a reply on the way to a JSON text of a schema, and the end once it is whole.
struct JSONConstraint: TokenConstraint {
  private var matcher: JSONMatcher
  private let tokenizer: Tokenizer
  private let endTokenIDs: Set<Int>

  init(_ schema: JSONSchema, _ tokenizer: Tokenizer, endTokenIDs: Set<Int>) {
    matcher = JSONMatcher(schema)
    self.tokenizer = tokenizer
    self.endTokenIDs = endTokenIDs
  }

  func allows(_ id: Int) -> Bool {
    if endTokenIDs.contains(id) { return matcher.isComplete }
    guard let bytes = bytes(id) else { return false }
    var trial = matcher
    return trial.append(bytes)
  }

  mutating func append(_ id: Int) {
    if let bytes = bytes(id) { _ = matcher.append(bytes) }
  }

  private func bytes(_ id: Int) -> [UInt8]? {
    guard !tokenizer.isSpecial(id), let bytes = tokenizer.bytes(of: id), !bytes.isEmpty else { return nil }
    return bytes
  }
}

/// What form a reply must have: `response_format`, or a call that `tool_choice` demands.
struct ResponseFormat {
  private let schema: JSONSchema?

  init(_ fields: RequestFields) throws {
    if let demanded = try Self.demandedCall(fields) {
      schema = demanded
      return
    }
    guard let format = try fields.fields("response_format") else {
      schema = nil
      return
    }
    switch try format.string("type") {
    case "text": schema = nil
    case "json_object": schema = .anyObject
    case "json_schema":
      guard let json = format["json_schema"]?["schema"] else {
        throw format.error("json_schema", "an object with a schema")
      }
      schema = try JSONSchema(json, param: "response_format.json_schema.schema")
    default: throw format.error("type", "text, json_object or json_schema")
    }
  }

  /// The schema of a call, where `tool_choice` is `required` or names a function.
  private static func demandedCall(_ fields: RequestFields) throws -> JSONSchema? {
    guard let choice = fields["tool_choice"] else { return nil }
    let tools = fields["tools"]?.arrayValue ?? []
    let name = choice["function"]?["name"]?.stringValue
    if name == nil {
      guard let text = choice.stringValue, ["none", "auto", "required"].contains(text) else {
        throw fields.error("tool_choice", "none, auto, required, or the name of a function")
      }
      if text != "required" { return nil }
    }
    let calls = try tools.compactMap { tool -> JSONSchema? in
      guard let function = tool["function"], let own = function["name"]?.stringValue, name == nil || name == own else {
        return nil
      }
      let parameters = try function["parameters"].map { try JSONSchema($0, param: "tools") } ?? .anyObject
      func property(_ key: String, _ schema: JSONSchema) -> JSONSchema.Property {
        JSONSchema.Property(key: Array((key + "\"").utf8), schema: schema, isRequired: true)
      }
      let fixed = JSONSchema(.literals([[UInt8](JSONValue.string(own).serialized(pretty: false).utf8)]))
      return JSONSchema(
        .object(properties: [property("name", fixed), property("arguments", parameters)], additional: nil))
    }
    guard !calls.isEmpty else { throw fields.error("tool_choice", "the name of one of the tools") }
    return JSONSchema(.oneOf(calls))
  }

  /// The constraint on tokens, if there is one.
  func constraint(_ tokenizer: Tokenizer, endTokenIDs: Set<Int>) -> (any TokenConstraint)? {
    schema.map { JSONConstraint($0, tokenizer, endTokenIDs: endTokenIDs) }
  }
}
