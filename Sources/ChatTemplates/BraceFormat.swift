/// Python's `str.format`, with field names, indices, attributes, conversions and format specifications.
struct BraceFormat {
  private let arguments: CallArguments
  private let interpreter: Interpreter
  private var automatic = 0
  private var usesNumbers = false

  /// The formatted text; throws `.wrongValue` for a malformed format.
  static func format(
    _ format: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    var formatter = BraceFormat(arguments: arguments, interpreter: interpreter)
    return try formatter.run(format, depth: 2)
  }

  private init(arguments: CallArguments, interpreter: Interpreter) {
    self.arguments = arguments
    self.interpreter = interpreter
  }

  private mutating func run(_ format: TemplateText, depth: Int) throws -> TemplateText {
    guard depth > 0 else { throw TemplateError(.wrongValue, "Max string recursion exceeded") }
    let scalars = Array(format.string.unicodeScalars)
    var offsets: [Int] = []
    offsets.reserveCapacity(scalars.count + 1)
    var offset = 0
    for scalar in scalars {
      offsets.append(offset)
      offset += scalar.utf8Width
    }
    offsets.append(offset)
    var result = TemplateText()
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      guard scalar == "{" || scalar == "}" else {
        let end = scalars[index...].firstIndex { $0 == "{" || $0 == "}" } ?? scalars.count
        try interpreter.write(format.slice(offsets[index]..<offsets[end]), into: &result)
        index = end
        continue
      }
      if index + 1 < scalars.count, scalars[index + 1] == scalar {
        result.append(format.slice(offsets[index]..<offsets[index + 1]))
        index += 2
        continue
      }
      guard scalar == "{" else {
        throw TemplateError(.wrongValue, "Single '}' encountered in format string")
      }
      let end = try Self.end(ofFieldAt: index, in: scalars)
      try interpreter.write(try text(of: scalars[(index + 1)..<end], depth), into: &result)
      index = end + 1
    }
    return result
  }

  /// The closing brace of the field that opens at an index.
  private static func end(ofFieldAt start: Int, in scalars: [Unicode.Scalar]) throws -> Int {
    var nesting = 0
    for index in start..<scalars.count {
      if scalars[index] == "{" { nesting += 1 }
      if scalars[index] == "}" {
        nesting -= 1
        if nesting == 0 { return index }
      }
    }
    throw TemplateError(.wrongValue, "expected '}' before end of string")
  }

  private mutating func text(of field: ArraySlice<Unicode.Scalar>, _ depth: Int) throws -> TemplateText {
    let nameEnd = field.firstIndex { $0 == ":" || $0 == "!" } ?? field.endIndex
    var value = try self.value(of: field[..<nameEnd])
    var rest = field[nameEnd...]
    if rest.first == "!" {
      rest.removeFirst()
      guard let conversion = rest.popFirst(), rest.isEmpty || rest.first == ":" else {
        throw TemplateError(.wrongValue, "expected ':' after conversion specifier")
      }
      switch conversion {
      case "r": value = .string(value.representation)
      case "s": value = .string(value.printed)
      case "a": value = .string(.derived(value.representation.string.pythonASCII, from: value.representation))
      default: throw TemplateError(.wrongValue, "Unknown conversion specifier \(conversion)")
      }
    }
    let written = TemplateText(String(scalars: rest.dropFirst()))
    let specification = written.first("{") == nil ? written : try run(written, depth: depth - 1)
    if specification.isEmpty { return value.printed }
    return try FormatSpecification(specification.string).apply(value, limit: interpreter.limits.outputBytes)
  }

  /// The value that `name.attribute[index]` means.
  private mutating func value(of path: ArraySlice<Unicode.Scalar>) throws -> TemplateValue {
    var path = path
    func take(until ends: [Unicode.Scalar]) -> String {
      let part = path.prefix { !ends.contains($0) }
      path = path.dropFirst(part.count)
      return String(scalars: part)
    }
    var value = try argument(take(until: [".", "["]))
    while let mark = path.popFirst() {
      if mark == "[" {
        let key = take(until: ["]"])
        guard path.popFirst() != nil, !key.isEmpty else {
          throw TemplateError(.wrongValue, "Missing ']' in format string")
        }
        value = try interpreter.item(Int(key).map { .int($0) } ?? .string(key), of: value)
      } else {
        value = try interpreter.attribute(AttributeName(take(until: [".", "["])), of: value)
      }
    }
    return value
  }

  private mutating func argument(_ name: String) throws -> TemplateValue {
    var index = Int(name)
    if name.isEmpty {
      guard !usesNumbers else { throw mixedNumbering }
      index = automatic
      automatic += 1
    } else if index != nil {
      guard automatic == 0 else { throw mixedNumbering }
      usesNumbers = true
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

  private var mixedNumbering: TemplateError {
    TemplateError(.wrongValue, "cannot mix automatic field numbering and manual field specification")
  }
}
