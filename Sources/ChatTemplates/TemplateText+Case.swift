/// Case, by Python's rules.
extension TemplateText {
  /// The text with each scalar replaced.
  func mapScalars(_ transform: (_ scalars: [Unicode.Scalar], _ index: Int) -> String) -> TemplateText {
    let scalars = Array(string.unicodeScalars)
    guard hasMarks else {
      return TemplateText(scalars.indices.reduce(into: "") { $0 += transform(scalars, $1) })
    }
    var result = TemplateText()
    var offset = 0
    for index in scalars.indices {
      result.append(transform(scalars, index), isFromMessage: isMarked(at: offset))
      offset += scalars[index].utf8Width
    }
    return result
  }

  private var isASCII: Bool { string.utf8.allSatisfy { $0 < 0x80 } }

  var uppercased: TemplateText {
    if !hasMarks, isASCII { return TemplateText(string.uppercased()) }
    return mapScalars { $0[$1].properties.uppercaseMapping }
  }

  var lowercased: TemplateText {
    if !hasMarks, isASCII { return TemplateText(string.lowercased()) }
    return mapScalars(Self.lowercase)
  }

  var capitalized: TemplateText {
    mapScalars { scalars, index in
      index == 0 ? scalars[0].properties.titlecaseMapping : Self.lowercase(scalars, index)
    }
  }

  /// Python's `str.title`: a word starts after a scalar that has no case.
  var titlecased: TemplateText {
    mapScalars { scalars, index in
      index > 0 && scalars[index - 1].properties.isCased
        ? Self.lowercase(scalars, index) : scalars[index].properties.titlecaseMapping
    }
  }

  /// Jinja's `title`: a word starts after white space, `-`, `(`, `{`, `[` or `<`.
  var filterTitlecased: TemplateText {
    mapScalars { scalars, index in
      let startsWord =
        index == 0 || scalars[index - 1].isPythonSpace || "-({[<".unicodeScalars.contains(scalars[index - 1])
      return startsWord ? scalars[index].properties.uppercaseMapping : Self.lowercase(scalars, index)
    }
  }

  var caseSwapped: TemplateText {
    mapScalars { scalars, index in
      let properties = scalars[index].properties
      if properties.isUppercase { return Self.lowercase(scalars, index) }
      return properties.isLowercase ? properties.uppercaseMapping : String(scalars[index])
    }
  }

  /// Full case folding, which for all but a few scalars is the lower case of the upper case.
  var caseFolded: TemplateText {
    mapScalars { scalars, index in
      let scalar = scalars[index]
      switch scalar.value {
      case 0x131, 0x13a0...0x13f5: return String(scalar)
      case 0x13f8...0x13fd, 0xab70...0xabbf: return scalar.properties.uppercaseMapping
      case 0x1e9e: return "ss"
      default:
        return scalar.properties.uppercaseMapping.unicodeScalars.reduce(into: "") {
          $0 += $1.properties.lowercaseMapping
        }
      }
    }
  }

  /// The lower case of a scalar in its text: a capital sigma that ends a word has its own.
  private static func lowercase(_ scalars: [Unicode.Scalar], _ index: Int) -> String {
    let scalar = scalars[index]
    guard scalar.value == 0x3a3 else { return scalar.properties.lowercaseMapping }
    let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    let endsWord = before?.properties.isCased == true && after?.properties.isCased != true
    return endsWord ? "\u{3c2}" : "\u{3c3}"
  }

  /// Tabs as spaces to the next multiple of `size` columns.
  func expandingTabs(_ size: Int) -> TemplateText {
    var column = 0
    return mapScalars { scalars, index in
      let scalar = scalars[index]
      if scalar == "\t" {
        let width = size > 0 ? size - column % size : 0
        column += width
        return String(repeating: " ", count: width)
      }
      column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      return String(scalar)
    }
  }
}

/// The `is…` methods of Python's strings.
enum ScalarClasses {
  static func holds(_ method: StringMethod, _ text: String) -> Bool? {
    let scalars = text.unicodeScalars
    func all(_ condition: (Unicode.Scalar) -> Bool) -> Bool { !scalars.isEmpty && scalars.allSatisfy(condition) }
    switch method {
    case .isalpha: return all(\.isPythonLetter)
    case .isdecimal: return all { $0.properties.numericType == .decimal }
    case .isdigit: return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
    case .isnumeric: return all { $0.properties.numericType != nil }
    case .isalnum: return all { $0.isPythonLetter || $0.properties.numericType != nil }
    case .isspace: return all(\.isPythonSpace)
    case .isascii: return scalars.allSatisfy(\.isASCII)
    case .isprintable: return scalars.allSatisfy(\.isPythonPrintable)
    case .isidentifier:
      guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
      return scalars.allSatisfy(\.properties.isXIDContinue)
    case .islower:
      return scalars.contains(where: \.properties.isLowercase) && !scalars.contains(where: \.isCapital)
    case .isupper:
      return scalars.contains(where: \.isCapital) && !scalars.contains(where: \.properties.isLowercase)
    case .istitle: return isTitle(scalars)
    default: return nil
    }
  }

  private static func isTitle(_ scalars: String.UnicodeScalarView) -> Bool {
    var (hasCase, follows) = (false, false)
    for scalar in scalars {
      let isCapital = scalar.isCapital
      guard isCapital || scalar.properties.isLowercase else {
        follows = false
        continue
      }
      guard isCapital != follows else { return false }
      (hasCase, follows) = (true, true)
    }
    return hasCase
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
