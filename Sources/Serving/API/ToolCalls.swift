import Foundation
import JSONReader

/// The calls of functions in a model's reply, in the spellings that chat templates teach: `<tool_call>{…}</tool_call>`
/// (Hermes, Qwen), a list of calls (Mistral), or one call as the whole text (Llama 3).
struct ToolCalls: Sendable {
  /// One call.
  struct Call: Sendable, Equatable {
    let name: String
    /// A JSON object as text.
    let arguments: String
  }

  let calls: [Call]
  /// The text around them.
  let content: String

  static let opening = "<tool_call>"
  private static let closing = "</tool_call>"

  /// nil where the text holds no call of one of these functions.
  init?(in text: String, names: [String]) {
    var (calls, content) = ([Call](), "")
    if text.contains(Self.opening) {
      var rest = text[...]
      while let start = rest.range(of: Self.opening) {
        content += rest[..<start.lowerBound]
        let body = rest[start.upperBound...]
        let end = body.range(of: Self.closing)
        guard let found = Self.calls(in: String(body[..<(end?.lowerBound ?? body.endIndex)]), names) else { return nil }
        calls += found
        rest = end.map { body[$0.upperBound...] } ?? ""
      }
      content += rest
    } else if let found = Self.calls(in: text, names) {
      calls = found
    }
    guard !calls.isEmpty else { return nil }
    self.calls = calls
    self.content = content.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// One call, a list of them, or several with semicolons between.
  private static func calls(in text: String, _ names: [String]) -> [Call]? {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if let json = try? JSONValue.parse([UInt8](text.utf8)) {
      let items = json.arrayValue ?? [json]
      let calls = items.compactMap { call($0, names) }
      return calls.count == items.count ? calls : nil
    }
    let parts = text.components(separatedBy: "; ")
    guard parts.count > 1 else { return nil }
    let calls = parts.compactMap { part in
      (try? JSONValue.parse([UInt8](part.utf8))).flatMap { call($0, names) }
    }
    return calls.count == parts.count ? calls : nil
  }

  private static func call(_ json: JSONValue, _ names: [String]) -> Call? {
    let function = json["function"] ?? json
    guard let name = function["name"]?.stringValue, names.contains(name) else { return nil }
    let arguments = function["arguments"] ?? function["parameters"] ?? .object([])
    return Call(name: name, arguments: arguments.stringValue ?? arguments.serialized(pretty: false))
  }

  /// The list `tool_calls` of a message.
  var json: [JSONValue] {
    calls.map { call in
      .object([
        ("id", .string("call_" + UUID().uuidString.replacingOccurrences(of: "-", with: "").prefix(24).lowercased())),
        ("type", .string("function")),
        ("function", .object([("name", .string(call.name)), ("arguments", .string(call.arguments))])),
      ])
    }
  }
}

/// A reply that arrives in pieces and may hold calls: text is let through until a call may have begun.
struct ToolCallStream {
  let names: [String]
  private var held = ""
  private var isHolding = false
  private var isEmpty = true

  init(names: [String]) { self.names = names }

  /// Takes a piece and returns what is no call for certain.
  mutating func append(_ text: String) -> String {
    held += text
    if isHolding { return "" }
    let start = held.drop { $0.isWhitespace }
    if isEmpty, start.isEmpty { return "" }
    if isEmpty, let first = start.first, first == "{" || first == "[" {
      isHolding = true
      return ""
    }
    if let call = held.range(of: ToolCalls.opening) {
      isHolding = true
      let shown = String(held[..<call.lowerBound])
      held.removeSubrange(..<call.lowerBound)
      isEmpty = isEmpty && shown.isEmpty
      return shown
    }
    // The beginning of the mark may stand at the end.
    let kept = (1..<ToolCalls.opening.count).last { held.hasSuffix(ToolCalls.opening.prefix($0)) } ?? 0
    let shown = String(held.dropLast(kept))
    held = String(held.suffix(kept))
    isEmpty = isEmpty && shown.isEmpty
    return shown
  }

  /// What was held back: calls, or text after all.
  mutating func finish() -> (text: String, calls: ToolCalls?) {
    defer { held = "" }
    guard let calls = ToolCalls(in: held, names: names) else { return (held, nil) }
    return (calls.content, calls)
  }
}
