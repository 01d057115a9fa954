/// How the rows of one forward pass belong to sequences: all tokens of all segments stacked.
struct BatchLayout {
  /// One segment's rows.
  struct Span {
    let cache: KeyValueCache
    /// Its first row.
    let firstRow: Int
    /// Its number of rows.
    let count: Int
    /// The position of its first row within the sequence.
    let firstPosition: Int
  }

  let spans: [Span]
  /// All rows together.
  let rows: Int
  /// Cosine and sine of every row, `[rows, headDimension / 2]`.
  let cosine: [Float]
  let sine: [Float]

  init(_ segments: [Segment], rotary: RotaryEmbedding) {
    var spans: [Span] = []
    var positions: [Int] = []
    for segment in segments {
      let start = segment.cache.count
      spans.append(
        Span(cache: segment.cache, firstRow: positions.count, count: segment.tokens.count, firstPosition: start))
      positions += start..<(start + segment.tokens.count)
    }
    self.spans = spans
    rows = positions.count
    (cosine, sine) = rotary.angles(of: positions)
  }
}
