/// Products of matrices with some tokens as two loops, which several matrices that read the same tokens go through together: threads wait for each other at
/// the end of a loop, and the loops of a small matrix are short. In the first, tokens are put into the form that the product takes; in the second, tasks that
/// share no output make the outputs of all tokens.
public enum ProductLoops {
  /// What is told of a product: whether tokens have to be prepared, how some of them are (in ranges as `forRanges` has them), how many tasks there
  /// are, and how one is run. The functions are good until it returns.
  public typealias Body = (
    _ prepares: Bool, _ prepare: (Range<Int>) -> Void, _ taskCount: Int, _ run: (Int) -> Void
  ) -> Void

  /// Tokens that are prepared together where there are as many: a register has a lane for each.
  package static let laneCount = 16

  /// How many ranges `tokens` tokens are prepared in.
  static func rangeCount(tokens: Int) -> Int { tokens / laneCount + tokens % laneCount }

  /// Range `index` of tokens: whole groups of `laneCount`, then the others one by one.
  static func tokenRange(_ index: Int, tokens: Int) -> Range<Int> {
    let groups = tokens / laneCount
    let first = index < groups ? index * laneCount : groups * laneCount + index - groups
    return first..<(first + (index < groups ? laneCount : 1))
  }

  /// Runs `body` for all tokens in ranges as `prepare` takes them, on all threads.
  package static func forRanges(tokens: Int, _ body: (Range<Int>) -> Void) {
    parallelFor(rangeCount(tokens: tokens)) { body(tokenRange($0, tokens: tokens)) }
  }

  /// Runs both loops; `make` makes the values of some tokens, before anything reads them, where they are not there yet.
  package static func run(
    tokens: Int, make: ((Range<Int>) -> Void)? = nil, prepares: Bool, prepare: (Range<Int>) -> Void, taskCount: Int,
    run: (Int) -> Void
  ) {
    if let make {
      forRanges(tokens: tokens) { range in
        make(range)
        prepare(range)
      }
    } else if prepares {
      forRanges(tokens: tokens, prepare)
    }
    parallelFor(taskCount, body: run)
  }
}
