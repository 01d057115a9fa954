import Foundation

extension Normalizer.Form {
  /// The text in this form.
  func normalized(_ text: String) -> String {
    switch self {
    case .nfc: ordered(text.decomposedStringWithCanonicalMapping).precomposedStringWithCanonicalMapping
    case .nfd: ordered(text.decomposedStringWithCanonicalMapping)
    case .nfkc: ordered(text.decomposedStringWithCompatibilityMapping).precomposedStringWithCanonicalMapping
    case .nfkd: ordered(text.decomposedStringWithCompatibilityMapping)
    }
  }

  /// The Canonical Ordering Algorithm (Unicode Standard, section 3.11): Foundation leaves out the marks that come from
  /// a decomposed mark, such as U+0F73.
  private func ordered(_ text: String) -> String {
    var scalars = Array(text.unicodeScalars)
    let classes = scalars.map(\.properties.canonicalCombiningClass)
    var start = 0
    while start < scalars.count {
      var end = start + 1
      if classes[start] != .notReordered {
        while end < scalars.count, classes[end] != .notReordered { end += 1 }
        let order = (start..<end).sorted { (classes[$0], $0) < (classes[$1], $1) }
        let run = order.map { scalars[$0] }
        scalars.replaceSubrange(start..<end, with: run)
      }
      start = end
    }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: scalars)
    return String(result)
  }
}
