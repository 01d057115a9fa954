/// A split pattern without a hand-written scanner.
struct RegularExpressionPattern: Sendable {
  /// Why a pattern is refused.
  struct Refusal: Error {
    let reason: String
  }

  private let pattern: String
  private let program: RegexProgram

  /// Compiles the pattern; throws where its syntax goes beyond what split patterns use.
  init(_ pattern: String, _ dialect: RegexParser.Dialect = .oniguruma) throws(Refusal) {
    self.pattern = pattern
    do {
      guard let program = RegexProgram(try RegexParser.parse(pattern, dialect)) else {
        throw RegexParser.Refusal(reason: "a pattern that is too long")
      }
      self.program = program
    } catch let refusal as RegexParser.Refusal {
      throw Refusal(reason: refusal.reason)
    } catch {
      throw Refusal(reason: "\(error)")
    }
  }

  /// The byte ranges of the matches in `range`, whose ends count as the ends of the text.
  ///
  /// - Throws: `TokenizerError` where the pattern would take more than a bounded number of steps.
  func matches(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) throws -> [Range<Int>] {
    var result: [Range<Int>] = []
    try forEach(of: CollectionOfOne(range), bytes) { _, matches in result = matches }
    return result
  }

  /// Visits ranges with the byte ranges of the matches in each.
  ///
  /// - Throws: as `matches`.
  func forEach(
    of ranges: some Sequence<Range<Int>>, _ bytes: UnsafeBufferPointer<UInt8>,
    _ body: (_ range: Range<Int>, _ matches: [Range<Int>]) -> Void
  ) throws {
    var matcher = RegexMatcher(program)
    do {
      for range in ranges {
        var matches = try matcher.matches(in: UnsafeBufferPointer(rebasing: bytes[range]))
        for index in matches.indices {
          matches[index] =
            matches[index].lowerBound + range.lowerBound..<matches[index].upperBound + range.lowerBound
        }
        body(range, matches)
      }
    } catch {
      throw TokenizerError(
        .cannotEncode, "the pattern \"\(pattern)\" takes too many steps on this text; use a simpler one")
    }
  }
}
