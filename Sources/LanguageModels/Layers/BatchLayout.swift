import Tensors

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

  /// A row's angles: how many pairs are turned, and their cosines and sines.
  typealias RowAngles = (half: Int, cosine: UnsafePointer<Float>, sine: UnsafePointer<Float>)

  /// Runs `body` with what says a row's angles for one rotary embedding, nil where it turns nothing; good until it returns.
  func withAngles(_ rotary: Int, _ body: (@escaping (_ row: Int) -> RowAngles?) -> Void) {
    let entry = angles[rotary]
    entry.cosine.withUnsafeBufferPointer { cosine in
      entry.sine.withUnsafeBufferPointer { sine in
        body { row in
          guard entry.half > 0, let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return nil }
          return (entry.half, cosine + row * entry.half, sine + row * entry.half)
        }
      }
    }
  }

  /// The position of a row of span `span` within its sequence.
  func position(_ row: Int, in span: Int) -> Int { spans[span].firstPosition + row - spans[span].firstRow }

  /// Runs `body` for every row, with the number of its span; of more than a few, on all threads.
  func forRows(_ body: (_ span: Int, _ row: Int) -> Void) {
    func run(_ range: Range<Int>) {
      guard var span = spans.lastIndex(where: { $0.firstRow <= range.lowerBound && $0.count > 0 }) else { return }
      for row in range {
        while row >= spans[span].firstRow + spans[span].count { span += 1 }
        body(span, row)
      }
    }
    if rows < 4 { run(0..<rows) } else { ProductLoops.forRanges(tokens: rows, run) }
  }
}
