import Foundation
import JSONReader

extension TokenizerJSON {
  /// The `normalizer`, nil where there is none or it does nothing.
  func normalizer(_ value: JSONValue) throws -> Normalizer? {
    if value.isNull { return nil }
    let type = value.field("type").stringValue ?? "unnamed"
    if let form = NormalizationForm(rawValue: type) { return .form(form) }
    switch type {
    case "Lowercase": return .lowercase
    case "StripAccents": return .stripAccents
    case "Nmt": return .machineTranslation
    case "ByteLevel": return .byteLevel
    case "Strip": return .strip(left: value.field("strip_left").flag, right: value.field("strip_right").flag)
    case "Prepend": return .prepend(Array((value.field("prepend").stringValue ?? "").utf8))
    case "Replace": return try replacement(value)
    case "BertNormalizer":
      return .bert(
        BertNormalizer(
          cleansText: value.field("clean_text").boolValue ?? true,
          separatesIdeographs: value.field("handle_chinese_chars").boolValue ?? true,
          stripsAccents: value.field("strip_accents").boolValue,
          lowercases: value.field("lowercase").boolValue ?? true))
    case "Precompiled":
      let blob = value.field("precompiled_charsmap").stringValue.flatMap { Data(base64Encoded: $0) }
      guard let blob, let map = PrecompiledMap([UInt8](blob)) else {
        throw malformed("precompiled_charsmap is not a compiled map")
      }
      return .precompiled(map)
    case "Sequence":
      let parts = try value.field("normalizers").elements.compactMap { try normalizer($0) }
      return parts.count > 1 ? .sequence(parts) : parts.first
    default: throw unsupported("normalizer", type)
    }
  }

  private func replacement(_ value: JSONValue) throws -> Normalizer {
    let content = Array((value.field("content").stringValue ?? "").utf8)
    if let pattern = value.field("pattern").field("String").stringValue {
      return .replace(Array(pattern.utf8), with: content)
    }
    guard let pattern = value.field("pattern").field("Regex").stringValue else {
      throw malformed("a Replace has no pattern")
    }
    return .replacePattern(try expression(pattern, "Replace"), with: content)
  }

  /// A compiled pattern; refuses by name what the engine does not read.
  func expression(
    _ pattern: String, _ part: String, _ dialect: RegexParser.Dialect = .oniguruma
  ) throws -> RegularExpressionPattern {
    do throws(RegularExpressionPattern.Refusal) {
      return try RegularExpressionPattern(pattern, dialect)
    } catch {
      throw unsupported("pattern of \(part) (\(error.reason))", pattern)
    }
  }
}
