import ChatTemplates
import JSONReader

/// The messages and tools of a chat request as a template reads them.
struct ChatMessages {
  let messages: [TemplateValue]
  let tools: [TemplateValue]?

  private static let roles: Set<String> = ["system", "developer", "user", "assistant", "tool", "function"]

  init(_ fields: RequestFields) throws {
    guard let value = fields["messages"] else { throw fields.error("messages", "given") }
    guard let items = value.arrayValue else { throw fields.error("messages", "a list of messages") }
    guard !items.isEmpty else { throw fields.error("messages", "a list with at least one message") }
    messages = try items.enumerated().map { index, item in
      try Self.message(RequestFields(item, prefix: "messages[\(index)]."))
    }
    tools = try Self.tools(fields)
  }

  private static func message(_ fields: RequestFields) throws -> TemplateValue {
    guard let role = try fields.string("role"), roles.contains(role) else {
      throw fields.error("role", "one of \(roles.sorted().joined(separator: ", "))")
    }
    let calls = fields["tool_calls"]
    switch fields["content"] {
    case nil:
      guard role == "assistant", calls != nil else { throw fields.error("content", "given") }
    case .string?:
      break
    case .array(let parts)?:
      for (index, part) in parts.enumerated() { try check(part, fields, index) }
    default:
      throw fields.error("content", "a string or a list of parts")
    }
    if let calls, calls.arrayValue == nil { throw fields.error("tool_calls", "a list") }
    let entries = (fields.json.objectValue ?? []).map { key, value in
      // To models, instructions of a developer are those of the system.
      (key, key == "role" && role == "developer" ? .string("system") : TemplateValue(value))
    }
    return .dictionary(entries)
  }

  private static func check(_ part: JSONValue, _ fields: RequestFields, _ index: Int) throws {
    let part = try RequestFields(part, prefix: "\(fields.prefix)content[\(index)].")
    guard let type = try part.string("type") else { throw part.error("type", "given") }
    guard type == "text" else {
      throw APIError.invalid(
        "\(part.prefix)type", "content of type \(type) is not supported: this model reads text",
        code: "unsupported_content")
    }
    guard try part.string("text") != nil else { throw part.error("text", "given") }
  }

  private static func tools(_ fields: RequestFields) throws -> [TemplateValue]? {
    guard let value = fields["tools"] else { return nil }
    guard let items = value.arrayValue else { throw fields.error("tools", "a list") }
    for (index, item) in items.enumerated() {
      let tool = try RequestFields(item, prefix: "tools[\(index)].")
      guard try tool.fields("function")?.string("name") != nil else {
        throw tool.error("function", "an object with a name")
      }
    }
    if fields["tool_choice"]?.stringValue == "none" || items.isEmpty { return nil }
    return items.map { TemplateValue($0) }
  }
}

extension TemplateValue {
  /// A JSON value as the template language has it.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .integer(let number): self = .int(number)
    case .number(let number): self = .double(number)
    case .string(let text): self = .string(text)
    case .array(let items): self = .list(items.map { TemplateValue($0) })
    case .object(let entries): self = .dictionary(entries.map { ($0.key, TemplateValue($0.value)) })
    }
  }
}
