import JSONReader

/// What a JSON text must look like, from a JSON schema; the keywords that can be kept while a text is being written.
final class JSONSchema: @unchecked Sendable {
  /// The form of a value. It is set once, after the schemas that it may point back to exist.
  enum Form: Sendable {
    case any
    case object(properties: [Property], additional: JSONSchema?)
    case array(items: JSONSchema, count: ClosedRange<Int>)
    /// Lengths count characters.
    case string(count: ClosedRange<Int>)
    case number(isInteger: Bool)
    /// One of these texts exactly.
    case literals([[UInt8]])
    case oneOf([JSONSchema])
  }

  /// A declared property of an object; they are written in this order.
  struct Property: Sendable {
    /// The key as it stands between quotation marks, and the mark behind it.
    let key: [UInt8]
    let schema: JSONSchema
    let isRequired: Bool
  }

  private(set) var form: Form

  init(_ form: Form) { self.form = form }

  /// Any value.
  static let any = JSONSchema(.any)
  /// Any object.
  static let anyObject = JSONSchema(.object(properties: [], additional: any))

  /// - Throws: `APIError` that names a keyword which cannot be kept.
  convenience init(_ json: JSONValue, param: String) throws {
    self.init(.any)
    var compiler = Compiler(root: json, param: param)
    form = try compiler.form(json)
  }

  private struct Compiler {
    let root: JSONValue
    let param: String
    private var known: [String: JSONSchema] = [:]
    private var depth = 0

    init(root: JSONValue, param: String) {
      self.root = root
      self.param = param
    }

    /// Keywords that say nothing about the form, or whose meaning is read elsewhere.
    private static let ignored: Set<String> = [
      "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
      "writeOnly",
      "format", "$defs", "definitions", "strict", "name",
    ]
    private static let handled: Set<String> = [
      "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength",
      "maxLength", "enum", "const", "anyOf", "oneOf", "$ref", "nullable",
    ]

    private func error(_ message: String) -> APIError {
      APIError.invalid(param, "the JSON schema \(message)", code: "unsupported_schema")
    }

    mutating func schema(_ json: JSONValue) throws -> JSONSchema {
      if let reference = json["$ref"]?.stringValue {
        if let schema = known[reference] { return schema }
        let schema = JSONSchema(.any)
        known[reference] = schema
        schema.form = try form(resolve(reference))
        return schema
      }
      return JSONSchema(try form(json))
    }

    private func resolve(_ reference: String) throws -> JSONValue {
      guard reference.hasPrefix("#") else { throw error("refers to \(reference), which is not part of it") }
      var value = root
      for part in reference.dropFirst().split(separator: "/") {
        let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
        guard let next = value[key] else { throw error("refers to \(reference), which it does not have") }
        value = next
      }
      return value
    }

    mutating func form(_ json: JSONValue) throws -> Form {
      if case .bool(true) = json { return .any }
      guard let entries = json.objectValue else { throw error("must be an object") }
      depth += 1
      defer { depth -= 1 }
      guard depth < 64 else { throw error("nests too deeply, or refers to itself without a value between") }
      if json["$ref"] != nil { return .oneOf([try schema(json)]) }
      if let key = entries.map(\.key).first(where: { !Self.ignored.contains($0) && !Self.handled.contains($0) }) {
        throw error("uses \(key), which cannot be kept while a text is written")
      }
      if let value = json["const"] { return .literals([Self.text(value)]) }
      if let values = json["enum"]?.arrayValue { return .literals(values.map(Self.text)) }
      if let choices = (json["anyOf"] ?? json["oneOf"])?.arrayValue {
        return .oneOf(try choices.map { try schema($0) })
      }
      let types = json["type"]?.arrayValue?.compactMap(\.stringValue) ?? json["type"]?.stringValue.map { [$0] } ?? []
      if types.count > 1 { return .oneOf(try types.map { JSONSchema(try form(json, type: $0)) }) }
      return try form(json, type: types.first ?? (json["properties"] != nil ? "object" : "any"))
    }

    private static func text(_ value: JSONValue) -> [UInt8] { [UInt8](value.serialized(pretty: false).utf8) }

    private mutating func form(_ json: JSONValue, type: String) throws -> Form {
      switch type {
      case "any": return .any
      case "object": return try object(json)
      case "array":
        return .array(items: try json["items"].map { try schema($0) } ?? .any, count: try range(json, "Items"))
      case "string": return .string(count: try range(json, "Length"))
      case "number": return .number(isInteger: false)
      case "integer": return .number(isInteger: true)
      case "boolean": return .literals([Self.text(.bool(true)), Self.text(.bool(false))])
      case "null": return .literals([Self.text(.null)])
      default: throw error("has the type \(type), which JSON does not have")
      }
    }

    private func range(_ json: JSONValue, _ what: String) throws -> ClosedRange<Int> {
      let low = json["min\(what)"]?.intValue ?? 0
      let high = json["max\(what)"]?.intValue ?? .max
      guard low >= 0, high >= low else { throw error("has min\(what) \(low) and max\(what) \(high)") }
      return low...high
    }

    private mutating func object(_ json: JSONValue) throws -> Form {
      let required = Set(json["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
      let declared = json["properties"]?.objectValue ?? []
      var properties: [Property] = []
      for (name, value) in declared {
        properties.append(
          Property(
            key: Array(Self.text(.string(name)).dropFirst()), schema: try schema(value),
            isRequired: required.contains(name)))
      }
      if let missing = required.first(where: { name in !declared.contains { $0.key == name } }) {
        throw error("requires \(missing), which is not among its properties")
      }
      let additional: JSONSchema?
      switch json["additionalProperties"] {
      case nil: additional = declared.isEmpty ? .any : nil
      case .bool(let flag)?: additional = flag ? .any : nil
      case let value?: additional = try schema(value)
      }
      return .object(properties: properties, additional: additional)
    }
  }
}
