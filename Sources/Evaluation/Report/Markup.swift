/// HTML or SVG in which all text has been escaped.
///
/// Text from models and files (names, paths) becomes markup only by `text` or as the value of an attribute, and both
/// escape it; names of elements and attributes are literals of this module.
struct Markup: Sendable, Equatable {
  /// The markup as it stands in the page.
  private(set) var source: String

  private init(source: String) { self.source = source }

  /// Nothing.
  static let empty = Markup(source: "")

  /// Text with everything escaped that could end it.
  static func text(_ text: String) -> Markup { Markup(source: escaped(text)) }

  /// Markup of this module's own, as it is.
  static func literal(_ source: StaticString) -> Markup { Markup(source: "\(source)") }

  /// An element with attributes and content.
  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], _ content: [Markup] = []
  ) -> Markup {
    var source = "<\(name)"
    for (key, value) in attributes { source += " \(key)=\"\(escaped(value))\"" }
    source += ">"
    for part in content { source += part.source }
    return Markup(source: source + "</\(name)>")
  }

  /// An element whose content is text.
  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], text: String
  ) -> Markup {
    element(name, attributes, [.text(text)])
  }

  /// One after the other.
  static func + (left: Markup, right: Markup) -> Markup { Markup(source: left.source + right.source) }

  /// All parts one after the other.
  static func joined(_ parts: [Markup], separator: Markup = .empty) -> Markup {
    Markup(source: parts.map(\.source).joined(separator: separator.source))
  }

  /// The five characters of markup as references; characters that steer a terminal or turn the direction of the
  /// writing as U+FFFD.
  private static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\t": result.append(scalar)
      case "\u{0}"..<"\u{20}", "\u{7f}"..."\u{9f}", "\u{200e}", "\u{200f}", "\u{202a}"..."\u{202e}",
        "\u{2066}"..."\u{2069}":
        result.append("\u{fffd}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
