import ChatTemplates
import Foundation
import TestSupport

/// Reads recorded renders.
enum RecordedCases {
  static func read(_ url: URL) throws -> [TemplateValue] {
    guard case .list(let list) = try TemplateValue(json: String(contentsOf: url, encoding: .utf8)) else { return [] }
    return list.items
  }

  static func fixture(_ name: String) throws -> [TemplateValue] {
    try read(SharedData.packageRoot.appendingPathComponent("Tests/ChatTemplatesTests/Fixtures/\(name)"))
  }

  static func fixture(named name: String) throws -> TemplateValue {
    let url = SharedData.packageRoot.appendingPathComponent("Tests/ChatTemplatesTests/Fixtures/\(name)")
    return try TemplateValue(json: String(contentsOf: url, encoding: .utf8))
  }

  /// The pairs of a dictionary under a key.
  static func pairs(_ value: TemplateValue?) -> [(String, TemplateValue)] {
    guard case .dictionary(let dictionary)? = value else { return [] }
    return zip(dictionary.keys, dictionary.values).compactMap { key, value in key.text.map { ($0, value) } }
  }

  /// The items of a list under a key.
  static func items(_ value: TemplateValue?) -> [TemplateValue] {
    guard case .list(let list)? = value else { return [] }
    return list.items
  }

  /// The code that stands for a class of Python's.
  static func codes(_ pythonError: String) -> Set<TemplateError.Code> {
    switch pythonError {
    case "TemplateError": [.raisedByTemplate]
    case "TypeError", "AttributeError": [.wrongType]
    case "UndefinedError": [.undefinedValue]
    case "SecurityError": [.security]
    case "OverflowError", "RecursionError": [.limitExceeded]
    case "ZeroDivisionError", "ValueError", "KeyError", "IndexError": [.wrongValue]
    case "AssertionError", "RuntimeError": [.wrongValue]
    case "TemplateSyntaxError", "SyntaxError": [.syntax]
    case "TemplateAssertionError", "TemplateRuntimeError", "FilterArgumentError":
      [.unsupported, .wrongType, .wrongValue]
    default: []
    }
  }

  /// Text equal by scalars, not by canonical equivalence.
  static func same(_ left: String?, _ right: String?) -> Bool {
    guard let left, let right else { return left == nil && right == nil }
    return left.utf8.elementsEqual(right.utf8)
  }
}
