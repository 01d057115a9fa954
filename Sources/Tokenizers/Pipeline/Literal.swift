/// The search for a literal text.
enum Literal {
  /// Where `literal` stands in a range of `bytes`, from the left and without overlap.
  static func occurrences(
    of literal: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> [Range<Int>] {
    guard let first = literal.first else { return [] }
    var result: [Range<Int>] = []
    var index = range.lowerBound
    while index + literal.count <= range.upperBound {
      if bytes[index] == first, bytes[index..<index + literal.count].elementsEqual(literal) {
        result.append(index..<index + literal.count)
        index += literal.count
      } else {
        index += 1
      }
    }
    return result
  }
}
