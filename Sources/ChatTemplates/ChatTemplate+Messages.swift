extension ChatTemplate {
  /// Renders content parts as given, and joined to text where the template fails on a list, prints it, or drops it.
  func renderContent(
    of messages: [TemplateValue], _ render: ([TemplateValue]) throws -> TemplateText
  ) throws -> TemplateText {
    let parts = try messages.flatMap(Self.textParts)
    let printedLists = messages.compactMap { message -> String? in
      guard case .list(let list)? = message["content"] else { return nil }
      return list.items.isEmpty ? nil : list.items[0].representation.string
    }
    guard !printedLists.isEmpty else { return try render(messages) }
    let given = Result { try render(messages) }
    func keepsText(_ output: TemplateText) -> Bool {
      parts.allSatisfy { part in
        output.first(part.stripped(left: true, right: true, \.isPythonSpace).string) != nil
      }
    }
    if case .success(let output) = given, keepsText(output),
      !printedLists.contains(where: { output.first($0) != nil })
    {
      return output
    }
    let joined = Result { try render(messages.map(Self.joiningParts)) }
    switch (given, joined) {
    case (.success(let output), .success(let joined)):
      let printsList = printedLists.contains { output.first($0) != nil }
      return printsList || keepsText(joined) ? joined : output
    case (_, .success(let joined)): return joined
    default: return try given.get()
    }
  }

  /// Renders tool-call arguments as mappings, and as text where that fails.
  func renderArguments(
    of messages: [TemplateValue], _ render: ([TemplateValue]) throws -> TemplateText
  ) throws -> TemplateText {
    let hasArguments = messages.contains { message in
      guard case .list(let calls)? = message["tool_calls"] else { return false }
      return calls.items.contains { ($0["function"] ?? $0)["arguments"] != nil }
    }
    guard hasArguments else { return try render(messages) }
    do {
      return try render(messages.map { Self.mappingArguments(of: $0, Self.argumentsAsMapping) })
    } catch let first as TemplateError where first.code != .limitExceeded {
      // The first error tells more: it comes from the form that templates document.
      guard let text = try? render(messages.map { Self.mappingArguments(of: $0, Self.argumentsAsText) }) else {
        throw first
      }
      return text
    }
  }

  /// The texts of a message's parts; throws `.unsupportedContent` for a part that is not text.
  private static func textParts(of message: TemplateValue) throws -> [TemplateText] {
    guard case .list(let list)? = message["content"] else { return [] }
    return try list.items.map { part in
      if case .string(let text) = part { return text }
      guard case .string(let text)? = part["text"], (part["type"]?.text ?? "text") == "text" else {
        throw TemplateError(
          .unsupportedContent,
          "content part of type '\(part["type"]?.printed.string ?? part.typeName)' is not text; this model reads text only"
        )
      }
      return text
    }
  }

  private static func joiningParts(of message: TemplateValue) throws -> TemplateValue {
    guard case .dictionary(var dictionary) = message, case .list? = message["content"] else { return message }
    dictionary[.string("content")] = .string(.joined(try textParts(of: message)))
    return .dictionary(dictionary)
  }

  private static func mappingArguments(
    of message: TemplateValue, _ transform: (TemplateValue) -> TemplateValue
  ) -> TemplateValue {
    guard case .dictionary(var dictionary) = message, case .list(let calls)? = message["tool_calls"] else {
      return message
    }
    dictionary[.string("tool_calls")] = .list(
      calls.items.map { call in
        guard case .dictionary(var outer) = call else { return call }
        if case .dictionary(var function)? = call["function"], let arguments = call["function"]?["arguments"] {
          function[.string("arguments")] = transform(arguments)
          outer[.string("function")] = .dictionary(function)
        } else if let arguments = call["arguments"] {
          outer[.string("arguments")] = transform(arguments)
        }
        return .dictionary(outer)
      })
    return .dictionary(dictionary)
  }

  private static func argumentsAsMapping(_ arguments: TemplateValue) -> TemplateValue {
    guard case .string(let text) = arguments,
      case .dictionary(let mapping)? = try? JSONTextReader.value(of: text.string)
    else { return arguments }
    return text.hasMarks ? TemplateValue.dictionary(mapping).marked() : .dictionary(mapping)
  }

  private static func argumentsAsText(_ arguments: TemplateValue) -> TemplateValue {
    guard case .dictionary = arguments, let text = try? JSONTextWriter().text(of: arguments) else { return arguments }
    return .string(text)
  }
}
