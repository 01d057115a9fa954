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
    var matcher = RegexMatcher(program, UnsafeBufferPointer(rebasing: bytes[range]))
    do {
      return try matcher.matches().map { $0.lowerBound + range.lowerBound..<$0.upperBound + range.lowerBound }
    } catch {
      throw TokenizerError(
        .cannotEncode, "the pattern \"\(pattern)\" takes too many steps on this text; use a simpler one")
    }
  }
}
