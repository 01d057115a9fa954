/// Python's `str.format`, with field names, indices, attributes, conversions and format specifications.
enum BraceFormat {
  /// The formatted text; throws `.wrongValue` for a malformed format.
  static func format(_ format: String, _ arguments: CallArguments, _ interpreter: Interpreter) throws -> String {
    let scalars = Array(format.unicodeScalars)
    var result = ""
    var index = 0
    var automatic = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      if scalar == "{" || scalar == "}", index < scalars.count, scalars[index] == scalar {
        result.unicodeScalars.append(scalar)
        index += 1
      } else if scalar == "{" {
        guard let end = scalars[index...].firstIndex(of: "}") else {
          throw TemplateError(.wrongValue, "expected '}' before end of string")
        }
        let field = String(scalars: scalars[index..<end])
        index = end + 1
        try interpreter.write(try text(of: field, arguments, &automatic, interpreter), into: &result)
      } else if scalar == "}" {
        throw TemplateError(.wrongValue, "Single '}' encountered in format string")
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func text(
    of field: String, _ arguments: CallArguments, _ automatic: inout Int, _ interpreter: Interpreter
  ) throws -> String {
    let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let nameAndConversion = parts[0].split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
    var path = nameAndConversion[0].unicodeScalars[...]
    let head = String(path.prefix { $0 != "." && $0 != "[" })
    path = path.dropFirst(head.unicodeScalars.count)
    var value = try argument(head, arguments, &automatic)
    while let mark = path.popFirst() {
      if mark == "[" {
        let key = String(path.prefix { $0 != "]" })
        path = path.dropFirst(key.unicodeScalars.count + 1)
        value = try interpreter.item(Int(key).map { .int($0) } ?? .string(key), of: value)
      } else {
        let name = String(path.prefix { $0 != "." && $0 != "[" })
        path = path.dropFirst(name.unicodeScalars.count)
        value = try interpreter.attribute(name, of: value)
      }
    }
    if nameAndConversion.count > 1 {
      value = .string(nameAndConversion[1] == "r" ? value.representation : value.printed)
    }
    guard parts.count > 1, !parts[1].isEmpty else { return value.printed }
    return try FormatSpecification(String(parts[1])).apply(value, limit: interpreter.limits.outputBytes)
  }

  private static func argument(
    _ name: String, _ arguments: CallArguments, _ automatic: inout Int
  ) throws -> TemplateValue {
    var index = Int(name)
    if name.isEmpty {
      index = automatic
      automatic += 1
    }
    if let index {
      guard arguments.positional.indices.contains(index) else {
        throw TemplateError(.wrongValue, "Replacement index \(index) out of range for positional args tuple")
      }
      return arguments.positional[index]
    }
    guard let value = arguments.value(named: name) else {
      throw TemplateError(.wrongValue, "format has no argument '\(name)'")
    }
    return value
  }
}
