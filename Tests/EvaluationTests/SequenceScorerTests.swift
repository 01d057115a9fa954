import Foundation
import LanguageModels
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Evaluation

@Suite("Scoring sequences together")
struct SequenceScorerTests {
  private func requests(_ recorded: RecordedTasks) throws -> [TokenRequest] {
    let tokens = TaskTokens(recorded.tokenizer, maximumLength: recorded.model.configuration.maximumPositions)
    return try EvaluationTask.all.flatMap { try recorded.items($0) }.flatMap(\.requests).map(tokens.request)
  }

  @Test("A request has the same bits alone and in any company", arguments: [3, 17, 512])
  func company(tokensPerPass: Int) throws {
    let recorded = try RecordedTasks()
    let requests = try requests(recorded)
    let together = try SequenceScorer(model: recorded.model, tokensPerPass: tokensPerPass).scores(requests)
    let alone = try requests.flatMap { try SequenceScorer(model: recorded.model).scores([$0]) }
    #expect(together == alone)
    let reversed = try SequenceScorer(model: recorded.model).scores(requests.reversed())
    #expect(reversed.reversed() == together)
  }

  @Test("The final rows of segments are those of all rows")
  func finalRows() throws {
    let model = try RecordedTasks().model
    func segments() -> [Segment] {
      [[1, 2, 3], [4], [5, 6, 7, 8]].map { Segment(tokens: $0, cache: model.makeCache(capacity: 8)) }
    }
    let all = try model.forward(segments(), logits: .all, grouping: .together)
    let some = try model.forward(segments(), logits: .final([2, 0, 3]), grouping: .together)
    #expect(some.rows == 5)
    #expect((0..<5).map { Array(some.row($0)) } == [1, 2, 5, 6, 7].map { Array(all.row($0)) })
    #expect(try model.forward(segments(), logits: .final([0, 0, 0])).rows == 0)
  }

  @Test("The only new tokens of several sequences, grouped, have the same bits alone and in company")
  func singleTokens() throws {
    let threads = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = threads }
    WorkerPool.shared.threadCount = 2
    let model = try RecordedTasks().model
    func segments() throws -> [Segment] {
      // As many as there are before tokens are prepared in groups.
      try (1..<16).map { length in
        let cache = model.makeCache(capacity: 32)
        let known = Segment(tokens: Array(10..<(10 + length)), cache: cache)
        _ = try model.forward([known], logits: .last, grouping: .together)
        return Segment(tokens: [200 + length], cache: cache)
      }
    }
    let together = try model.forward(segments(), logits: .all, grouping: .together)
    for (index, segment) in try segments().enumerated() {
      let alone = try model.forward([segment], logits: .all, grouping: .together)
      #expect(Array(alone.row(0)) == Array(together.row(index)))
    }
  }

  @Test("What sequences share at their beginning is computed once")
  func shared() {
    let context = Array(0..<20)
    func request(_ continuation: [Int]) -> TokenRequest {
      TokenRequest(tokens: context + continuation, continuationCount: continuation.count)
    }
    // Inputs are all tokens but the last: 20 of the context, then 2, 1 and none.
    let tree = ScoringTree([request([50, 51, 52]), request([60, 61]), request([70])])
    #expect(tree.tokenCount == 20 + 2 + 1)
    #expect(tree.nodes.map(\.level).max() == 1)
    // The last token of the context predicts the first of each continuation.
    #expect(tree.nodes[0].targets.map(\.token).sorted() == [50, 60, 70])
    #expect(tree.nodes[0].targets.allSatisfy { $0.offset == 19 })
    // Equal inputs are one sequence; seven shared tokens are too few to share.
    #expect(ScoringTree([request([1]), request([2]), request([3])]).nodes.count == 1)
    let short = [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 9, 8]].map {
      TokenRequest(tokens: $0, continuationCount: 1)
    }
    #expect(ScoringTree(short).tokenCount == 16)
  }

  @Test("Every prediction is asked for once, whatever the sequences share")
  func targets() {
    var random = SplitMix(state: 3)
    for _ in 0..<50 {
      let requests = (0..<12).map { _ in
        let tokens = (0..<(2 + random.next(24))).map { $0 < 9 ? $0 % 2 : random.next(2) }
        return TokenRequest(tokens: tokens, continuationCount: 1 + random.next(tokens.count - 1))
      }
      let tree = ScoringTree(requests)
      for (index, request) in requests.enumerated() {
        let targets = tree.nodes.flatMap { node in
          node.targets.filter { $0.request == index }.map { (node.start + $0.offset, $0.token, $0.place) }
        }.sorted { $0.0 < $1.0 }
        let first = request.tokens.count - request.continuationCount
        #expect(targets.map(\.0) == Array((first - 1)..<(request.tokens.count - 1)))
        #expect(targets.map(\.1) == Array(request.tokens[first...]))
        #expect(targets.map(\.2) == Array(0..<request.continuationCount))
      }
      // Along every path lie the tokens of a sequence.
      for node in tree.nodes {
        if let parent = node.parent {
          #expect(tree.nodes[parent].start + tree.nodes[parent].tokens.count == node.start)
        } else {
          #expect(node.start == 0)
        }
      }
    }
  }

  @Test("Tasks taken up again have the same bits, and finished items are not computed again")
  func resumed() throws {
    let recorded = try RecordedTasks()
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("c").path
    var evaluation = try TaskEvaluation(["arc_easy", "boolq"], folder: RecordedTasks.folder + "/data")
    evaluation.tokensPerPass = 16
    let passes = Mutex(0)
    let whole = try evaluation.measure(
      recorded.model, tokenizer: recorded.tokenizer,
      isCancelled: {
        passes.withLock { $0 += 1 }
        return false
      })
    let count = passes.withLock { $0 }
    // In the first pass, and in the last one of the second task.
    for stop in [0, count - 1] {
      let calls = Mutex(0)
      #expect(throws: CancellationError.self) {
        _ = try evaluation.measure(
          recorded.model, tokenizer: recorded.tokenizer, checkpoint: try EvaluationCheckpoint(path: path),
          isCancelled: {
            calls.withLock {
              $0 += 1; return $0 > stop
            }
          })
      }
    }
    let again = try evaluation.measure(
      recorded.model, tokenizer: recorded.tokenizer, checkpoint: try EvaluationCheckpoint(path: path))
    #expect(again.samples == whole.samples)
    #expect(again.records == whole.records)
    let calls = Mutex(0)
    let third = try evaluation.measure(
      recorded.model, tokenizer: recorded.tokenizer, checkpoint: try EvaluationCheckpoint(path: path),
      isCancelled: {
        calls.withLock { $0 += 1 }; return false
      })
    #expect(third.samples == whole.samples)
    #expect(calls.withLock { $0 } == 0)
  }
}
