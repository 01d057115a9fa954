import JSONReader

/// Typed access to `config.json`: errors name the key, null counts as absent, and a nested `text_config` comes first.
struct ConfigurationReader {
  /// The whole document.
  let json: JSONValue
  /// The language model's part of a document that also describes other parts.
  private let text: JSONValue?
  /// What absent keys mean; a key that is null stays null.
  private let defaults: [String: JSONValue]

  init(_ json: JSONValue, defaults: [String: JSONValue] = [:]) {
    self.json = json
    self.defaults = defaults
    let text = json["text_config"]
    self.text = text?.objectValue != nil ? text : nil
  }

  /// The value of a key, or its default where it is absent; nil where it is null.
  subscript(key: String) -> JSONValue? {
    for place in [text, json] {
      guard let value = place?[key] else { continue }
      if case .null = value { return nil }
      return value
    }
    return defaults[key]
  }

  /// The largest width that is believed; the widest published models stay below 2^18.
  static let widthLimit = 1 << 22

  /// A positive whole number.
  func count(_ key: String, atMost limit: Int = widthLimit) throws -> Int {
    guard let value = try optionalCount(key, atMost: limit) else {
      throw LanguageModelError(
        .badConfiguration, "config.json: there is no \"\(key)\"; it must be a positive whole number")
    }
    return value
  }

  /// A positive whole number, or nothing.
  func optionalCount(_ key: String, atMost limit: Int = Int(Int32.max)) throws -> Int? {
    guard let value = self[key] else { return nil }
    guard let number = value.intValue, number > 0, number <= limit else {
      throw LanguageModelError(
        .badConfiguration, "config.json: \"\(key)\" must be a whole number from 1 to \(limit)")
    }
    return number
  }

  /// A whole number that may be zero, or nothing.
  func optionalNatural(_ key: String) throws -> Int? {
    guard let value = self[key] else { return nil }
    guard let number = value.intValue, number >= 0, number <= Int(Int32.max) else {
      throw LanguageModelError(.badConfiguration, "config.json: \"\(key)\" must be a whole number")
    }
    return number
  }

  /// A finite positive number, or nothing.
  func optionalPositive(_ key: String) throws -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.doubleValue, number.isFinite, number > 0 else {
      throw LanguageModelError(.badConfiguration, "config.json: \"\(key)\" must be a positive number")
    }
    return number
  }

  /// A truth value, or nothing.
  func flag(_ key: String) throws -> Bool? {
    guard let value = self[key] else { return nil }
    guard let flag = value.boolValue else {
      throw LanguageModelError(.badConfiguration, "config.json: \"\(key)\" must be true or false")
    }
    return flag
  }

  /// The activation in use, `fallback` where the file names none; refuses any but those in `known`.
  func activation(
    _ key: String = "hidden_act", known: [String: Activation], default fallback: Activation
  ) throws -> Activation {
    guard let value = self[key] else { return fallback }
    guard let activation = value.stringValue.flatMap({ known[$0] }) else {
      throw LanguageModelError(
        .unsupported,
        "config.json: \"\(key)\" \(value.serialized(pretty: false)) is not supported here; "
          + "known: \(known.keys.sorted().joined(separator: ", "))")
    }
    return activation
  }

  /// Which blocks attend within a window only: by `layer_types` where the file has them, else by `rule`.
  func isSliding(blocks: Int, rule: (Int) -> Bool) throws -> [Bool] {
    guard let list = self["layer_types"]?.arrayValue else { return (0..<blocks).map(rule) }
    guard list.count >= blocks else {
      throw LanguageModelError(
        .badConfiguration, "config.json: \"layer_types\" names \(list.count) of \(blocks) blocks")
    }
    return try list.prefix(blocks).map { entry in
      switch entry.stringValue {
      case "sliding_attention": true
      case "full_attention": false
      default:
        throw LanguageModelError(
          .unsupported,
          "config.json: layer type \"\(entry.stringValue ?? "")\" is not supported; known: full_attention, sliding_attention"
        )
      }
    }
  }
}
