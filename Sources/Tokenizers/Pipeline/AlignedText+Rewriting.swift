extension AlignedText {
  /// Builds the text anew from ranges of it, each as it is (nil) or replaced by bytes.
  mutating func rewrite(_ edits: [(range: Range<Int>, replacement: [UInt8]?)]) {
    var result: [UInt8] = []
    var origins: [Range<Int>] = []
    result.reserveCapacity(bytes.count)
    origins.reserveCapacity(bytes.count)
    for edit in edits {
      guard let replacement = edit.replacement else {
        result.append(contentsOf: bytes[edit.range])
        for index in edit.range { origins.append(source(of: index..<index + 1)) }
        continue
      }
      let start = edit.range.lowerBound
      let place = start < bytes.count ? source(of: start..<start + 1).lowerBound : base
      let source = edit.range.isEmpty ? place..<place : source(of: edit.range)
      result.append(contentsOf: replacement)
      origins.append(contentsOf: repeatElement(source, count: replacement.count))
    }
    bytes = result
    sources = origins
  }
}
