import Foundation

/// What a model is called in a report.
enum ModelName {
  /// The last part of a path or of `org/name`.
  static func short(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }

  /// Short names, or whole ones where short ones are not all different.
  static func distinct(_ names: [String]) -> [String] {
    let short = names.map(Self.short)
    var seen: [String: Int] = [:]
    for name in short { seen[name, default: 0] += 1 }
    return zip(names, short).map { seen[$1] == 1 ? $1 : $0 }
  }
}
