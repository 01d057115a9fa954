import Foundation

/// Python's `%` formatting of strings.
enum PrintfFormat {
  /// The text of `format % value`; throws `.wrongType` or `.wrongValue` as Python does.
  static func format(_ format: String, _ value: TemplateValue, limit: Int) throws -> String {
    var arguments: [TemplateValue] = [value]
    if case .list(let list) = value, list.isTuple { arguments = list.items }
    var next = 0
    var result = ""
    let scalars = Array(format.unicodeScalars)
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var key: String?
      if index < scalars.count, scalars[index] == "(", let end = scalars[index...].firstIndex(of: ")") {
        key = String(scalars: scalars[(index + 1)..<end])
        index = end + 1
      }
      var specification = FormatSpecification()
      let start = index
      while index < scalars.count, !scalars[index].properties.isAlphabetic, scalars[index] != "%" { index += 1 }
      guard index < scalars.count else { throw TemplateError(.wrongValue, "incomplete format") }
      try specification.readPrintf(String(scalars: scalars[start..<index]))
      let conversion = scalars[index]
      index += 1
      if conversion == "%" {
        result += "%"
        continue
      }
      let argument: TemplateValue
      if let key {
        guard let found = value[key] else { throw TemplateError(.wrongValue, "missing key '\(key)'") }
        argument = found
      } else {
        guard next < arguments.count else {
          throw TemplateError(.wrongType, "not enough arguments for format string")
        }
        argument = arguments[next]
        next += 1
      }
      if conversion == "r" {
        result += try specification.apply(.string(argument.representation), limit: limit)
      } else if conversion == "s" {
        result += try specification.apply(.string(argument.printed), limit: limit)
      } else {
        specification.type = conversion == "i" ? "d" : conversion
        let isWhole = ["d", "x", "X", "o"].contains(specification.type)
        let operand = isWhole ? argument.number.flatMap { Int(exactly: $0.rounded(.towardZero)) } : nil
        result += try specification.apply(
          argument.integer == nil ? operand.map { .int($0) } ?? argument : argument, limit: limit)
      }
    }
    if next < arguments.count, case .dictionary = value { return result }
    guard next == arguments.count else {
      throw TemplateError(.wrongType, "not all arguments converted during string formatting")
    }
    return result
  }
}
