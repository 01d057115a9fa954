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

  /// The angles of every row for one rotary embedding.
  struct Angles {
    /// Pairs that are turned.
    let half: Int
    /// `[rows, half]`.
    let cosine: [Float]
    /// `[rows, half]`.
    let sine: [Float]
  }

  let spans: [Span]
  /// All rows together.
  let rows: Int
  /// By rotary embedding, in the order of the model's.
  let angles: [Angles]
  /// Whether the rows share work.
  let grouping: TokenGrouping

  init(_ segments: [Segment], rotaries: [RotaryEmbedding], grouping: TokenGrouping = .fastest) {
    self.grouping = grouping
    var spans: [Span] = []
    var rows = 0
    for segment in segments {
      spans.append(
        Span(
          cache: segment.cache, firstRow: rows, count: segment.tokens.count, firstPosition: segment.cache.count))
      rows += segment.tokens.count
    }
    self.spans = spans
    self.rows = rows
    angles = rotaries.map { rotary in
      var cosine: [Float] = []
      var sine: [Float] = []
      cosine.reserveCapacity(rows * rotary.half)
      sine.reserveCapacity(rows * rotary.half)
      for span in spans {
        rotary.append(span.firstPosition..<(span.firstPosition + span.count), cosine: &cosine, sine: &sine)
      }
      return Angles(half: rotary.half, cosine: cosine, sine: sine)
    }
  }

  /// Runs `body` with the angles of one rotary embedding.
  func withAngles(
    _ rotary: Int, _ body: (_ half: Int, _ cosine: UnsafePointer<Float>, _ sine: UnsafePointer<Float>) -> Void
  ) {
    let entry = angles[rotary]
    entry.cosine.withUnsafeBufferPointer { cosine in
      entry.sine.withUnsafeBufferPointer { sine in
        guard let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return }
        body(entry.half, cosine, sine)
      }
    }
  }
}
