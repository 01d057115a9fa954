import Synchronization
import Testing

@testable import Tensors

@Suite("Loops of products")
struct ProductLoopsTests {
  @Test("Ranges are whole groups of 16 tokens, then single ones, and each token is in one")
  func ranges() {
    for tokens in 0...70 {
      let ranges = (0..<ProductLoops.rangeCount(tokens: tokens)).map { ProductLoops.tokenRange($0, tokens: tokens) }
      #expect(ranges.flatMap { Array($0) } == Array(0..<tokens))
      #expect(ranges.map(\.count) == Array(repeating: 16, count: tokens / 16) + Array(repeating: 1, count: tokens % 16))
    }
  }

  @Test("A token is made before it is prepared, and all are prepared before a task runs", arguments: [1, 5, 40])
  func order(tokens: Int) {
    /// What has happened so far.
    struct Record {
      var made: [Int] = []
      var prepared: [Int] = []
      var ran: [Int] = []
      var isLate = false
    }
    let record = Mutex(Record())
    ProductLoops.run(
      tokens: tokens, make: { range in record.withLock { $0.made += range } }, prepares: true,
      prepare: { range in
        record.withLock {
          if !range.allSatisfy($0.made.contains) { $0.isLate = true }
          $0.prepared += range
        }
      }, taskCount: 7,
      run: { task in
        record.withLock {
          if $0.prepared.count != tokens { $0.isLate = true }
          $0.ran.append(task)
        }
      })
    let end = record.withLock { $0 }
    #expect(!end.isLate)
    #expect(end.made.sorted() == Array(0..<tokens))
    #expect(end.prepared.sorted() == Array(0..<tokens))
    #expect(end.ran.sorted() == Array(0..<7))
  }
}
