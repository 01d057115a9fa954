import JSONReader

/// A row of a task's data; errors name file and row.
struct TaskRow: Sendable {
  let json: JSONValue
  /// File and row, for messages.
  let place: String

  func text(_ keys: String...) throws -> String {
    for key in keys { if let text = json[key]?.stringValue { return text } }
    throw lacks(keys)
  }

  func texts(_ key: String) throws -> [String] {
    guard let items = json[key]?.arrayValue else { throw lacks([key]) }
    return try items.map { item in
      guard let text = item.stringValue else { throw wrong("\"\(key)\" is not a list of texts") }
      return text
    }
  }

  /// The number of the right choice, from a number, a numeral, a truth value or a label of the choices.
  func answer(_ keys: String..., count: Int, labels: [String] = [], first: Int = 0) throws -> Int {
    for key in keys {
      let value: Int?
      switch json[key] {
      case nil: continue
      case .bool(let isTrue)?: value = isTrue ? 1 : 0
      case .string(let text)?: value = labels.firstIndex(of: text) ?? Int(text).map { $0 - first }
      case let number?: value = number.intValue.map { $0 - first }
      }
      guard let value, (0..<count).contains(value) else {
        throw wrong("\"\(key)\" names none of the \(count) choices")
      }
      return value
    }
    throw lacks(keys)
  }

  /// The texts and labels of ARC's choices: `{"text": […], "label": […]}`, `[{"text", "label"}, …]`, or texts alone.
  func labelledChoices(_ key: String, in parent: JSONValue? = nil) throws -> (texts: [String], labels: [String]) {
    let value = (parent ?? json)[key]
    if let items = value?.arrayValue {
      let texts = items.compactMap(\.stringValue)
      if texts.count == items.count, !texts.isEmpty { return (texts, []) }
      let inner = items.compactMap { $0["text"]?.stringValue }
      let labels = items.compactMap { $0["label"]?.stringValue }
      if inner.count == items.count, labels.count == items.count, !inner.isEmpty { return (inner, labels) }
    } else if let texts = value?["text"]?.arrayValue?.compactMap(\.stringValue),
      let labels = value?["label"]?.arrayValue?.compactMap(\.stringValue), texts.count == labels.count, !texts.isEmpty
    {
      return (texts, labels)
    }
    throw wrong("\"\(key)\" holds no choices")
  }

  func wrong(_ reason: String) -> EvaluationError { EvaluationError(.badData, "\(place): \(reason)") }

  private func lacks(_ keys: [String]) -> EvaluationError {
    wrong("no \(keys.map { "\"\($0)\"" }.joined(separator: " or "))")
  }
}
