extension StringMethods {
  /// The `is…` methods; nil for another name.
  static func classify(_ name: String, _ text: String) throws -> TemplateValue? {
    let scalars = text.unicodeScalars
    func all(_ condition: (Unicode.Scalar) -> Bool) -> TemplateValue {
      .bool(!scalars.isEmpty && scalars.allSatisfy(condition))
    }
    switch name {
    case "isalpha": return all(\.isPythonLetter)
    case "isdecimal": return all { $0.properties.numericType == .decimal }
    case "isdigit": return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
    case "isnumeric": return all { $0.properties.numericType != nil }
    case "isalnum": return all { $0.isPythonLetter || $0.properties.numericType != nil }
    case "isspace": return all(\.isPythonSpace)
    case "isascii": return .bool(scalars.allSatisfy(\.isASCII))
    case "islower":
      return .bool(scalars.contains(where: \.properties.isLowercase) && !scalars.contains(where: \.isCapital))
    case "isupper":
      return .bool(scalars.contains(where: \.isCapital) && !scalars.contains(where: \.properties.isLowercase))
    case "istitle":
      return .bool(scalars.contains(where: \.properties.isCased) && title(text).utf8.elementsEqual(text.utf8))
    default: return nil
    }
  }

  static func changeCase(_ name: String, _ text: String) -> String {
    switch name {
    case "upper": return text.uppercased()
    case "lower", "casefold": return text.lowercased()
    case "capitalize": return capitalize(text)
    case "title": return title(text)
    case "swapcase":
      return text.unicodeScalars.reduce(into: "") { result, scalar in
        result += scalar.isCapital ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
      }
    default: return expandTabs(text)
    }
  }

  static func capitalize(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
  }

  static func title(_ text: String) -> String {
    var result = ""
    var follows = false
    for scalar in text.unicodeScalars {
      result += follows ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      follows = scalar.properties.isCased
    }
    return result
  }

  private static func expandTabs(_ text: String) -> String {
    var result = ""
    var column = 0
    for scalar in text.unicodeScalars {
      if scalar == "\t" {
        result += String(repeating: " ", count: 8 - column % 8)
        column = 0
      } else {
        result.unicodeScalars.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  var isCapital: Bool { properties.isUppercase || properties.generalCategory == .titlecaseLetter }

  var isPythonLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
