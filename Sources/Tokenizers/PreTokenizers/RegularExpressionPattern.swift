import Foundation

/// A split pattern without a hand-written scanner, matched by Foundation.
struct RegularExpressionPattern: Sendable {
  private let expression: NSRegularExpression

  /// Compiles the pattern; throws where Foundation cannot.
  init(_ pattern: String) throws { expression = try NSRegularExpression(pattern: pattern) }

  /// The byte ranges of the matches in `range`, whose end counts as the end of the text.
  func matches(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    let found = expression.matches(in: text, range: NSRange(location: 0, length: text.utf16.count))
    var utf16Offset = 0
    var index = range.lowerBound
    func byteOffset(of offset: Int) -> Int {
      while utf16Offset < offset, index < range.upperBound {
        let length = UTF8Scalar.length(lead: bytes[index])
        utf16Offset += length == 4 ? 2 : 1
        index += length
      }
      return index
    }
    return found.compactMap { match in
      let start = byteOffset(of: match.range.location)
      let end = byteOffset(of: match.range.location + match.range.length)
      return start < end ? start..<end : nil
    }
  }
}
