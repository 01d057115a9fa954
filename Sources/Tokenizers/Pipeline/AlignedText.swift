/// Text on its way to the model, with the place in the original text each of its bytes came from.
struct AlignedText {
  /// Valid UTF-8.
  var bytes: [UInt8]
  /// Source range of each byte in the original text; nil where byte i came from byte `base + i`.
  var sources: [Range<Int>]?
  /// The original offset of the first byte while `sources` is nil.
  var base = 0

  /// The original bytes that gave the bytes of `range`.
  func source(of range: Range<Int>) -> Range<Int> {
    guard let sources else { return base + range.lowerBound..<base + range.upperBound }
    guard !range.isEmpty else { return 0..<0 }
    let start = sources[range.lowerBound].lowerBound
    return start..<max(start, sources[range.upperBound - 1].upperBound)
  }

  /// A part of the text.
  func slice(_ range: Range<Int>) -> AlignedText {
    AlignedText(
      bytes: Array(bytes[range]), sources: sources.map { Array($0[range]) }, base: base + range.lowerBound)
  }

  /// Puts a space before each piece that does not begin with one, and moves the pieces accordingly.
  mutating func prefixSpaces(_ pieces: inout [Range<Int>]) {
    var result: [UInt8] = []
    var origins: [Range<Int>] = []
    for index in pieces.indices {
      let piece = pieces[index]
      let start = result.count
      if !piece.isEmpty, bytes[piece.lowerBound] != UInt8(ascii: " ") {
        let source = source(of: piece).lowerBound
        result.append(UInt8(ascii: " "))
        origins.append(source..<source)
      }
      result.append(contentsOf: bytes[piece])
      origins.append(contentsOf: piece.map { source(of: $0..<$0 + 1) })
      pieces[index] = start..<result.count
    }
    bytes = result
    sources = origins
  }
}
