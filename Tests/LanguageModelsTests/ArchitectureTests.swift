import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Every architecture against `transformers`; see `Scripts/record_architectures.py` for what was recorded and how.
@Suite("Architectures")
struct ArchitectureTests {
  static let cases = ArchitectureFixture.names

  /// Float32 sums in another order: the reference itself is within 3e-5 of its own logits in float64.
  static let tolerance: Float = 2e-4

  private func withModel(
    _ fixture: ArchitectureFixture, spelling: String = "config.json", dtype: DType = .float32,
    _ body: (any CausalLanguageModel) throws -> Void
  ) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try fixture.write(to: folder, spelling: spelling, dtype: dtype)
    try body(ModelRegistry.load(try ModelDirectory(path: folder.path)))
  }

  /// The likeliest id, the lower one on a tie.
  private func best(_ row: [Float]) -> Int {
    row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0
  }

  private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).isNaN ? .infinity : abs($1.0 - $1.1)) }
  }

  @Test("All fixtures are there")
  func fixtures() {
    #expect(ArchitectureFixture.names.count == 33)
  }

  @Test("Prompt logits equal the reference's, in both spellings", arguments: cases, ArchitectureFixture.spellings)
  func prompt(name: String, spelling: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture, spelling: spelling) { model in
      let cache = model.makeCache(capacity: fixture.prompt.count)
      let logits = try model.forward([Segment(tokens: fixture.prompt, cache: cache)], logits: .all)
      #expect(try largestDifference(logits.values, fixture.logits) < Self.tolerance)
    }
  }

  /// A prompt that outgrows the trained length in its middle. The reference's plain forward pass goes on with keys turned by
  /// the factors for short texts; its `generate`, and this package, run the text again with those for long ones.
  static let crossing = "phi3-longrope"

  @Test("In pieces of 7 the prompt's logits equal the reference's", arguments: cases.filter { $0 != crossing })
  func pieces(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    let values = try logitsInPieces(fixture)
    #expect(try largestDifference(values, fixture.logitsInPieces) < Self.tolerance)
  }

  /// Rows go one by one where threads have some each and none is much longer (`AttentionMix.goesByRow`); with lengths that differ they do not.
  @Test("Sequences that decode together give what each gives alone, of one length or of several", arguments: cases)
  func decodingTogether(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    let threads = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = threads }
    WorkerPool.shared.threadCount = 2
    try withModel(fixture) { model in
      for lengths in [[5, 6, 7, 5, 6], [13, 13, 13, 13], [2, 3, 19, 2, 1, 2]] {
        func caches() throws -> [KeyValueCache] {
          try lengths.enumerated().map { index, length in
            let cache = model.makeCache(capacity: 24)
            let prompt = (0..<length).map { fixture.prompt[(index + $0) % fixture.prompt.count] }
            _ = try model.forward([Segment(tokens: prompt, cache: cache)], logits: .none, grouping: .alone)
            return cache
          }
        }
        let (shared, own) = (try caches(), try caches())
        for step in 0..<2 {
          let next = lengths.indices.map { fixture.prompt[(step + 3 * $0) % fixture.prompt.count] }
          let together = try model.forward(
            zip(next, shared).map { Segment(tokens: [$0], cache: $1) }, logits: .last, grouping: .alone)
          for (index, cache) in own.enumerated() {
            let alone = try model.forward(
              [Segment(tokens: [next[index]], cache: cache)], logits: .last, grouping: .alone)
            #expect(Array(together.row(index)) == alone.values, "\(lengths), step \(step), sequence \(index)")
          }
        }
      }
    }
  }

  @Test("Once a prompt in pieces has outgrown the trained length, its logits are those of the prompt in one piece")
  func piecesAcrossTrainedLength() throws {
    let fixture = try ArchitectureFixture(Self.crossing)
    let values = try logitsInPieces(fixture)
    // The trained length is 32: the piece at 28 is the first to end beyond it.
    let (whole, vocabulary) = (try fixture.logits, values.count / fixture.prompt.count)
    let first = 28 * vocabulary
    #expect(largestDifference(Array(values[first...]), Array(whole[first...])) < Self.tolerance)
    #expect(largestDifference(Array(values[..<first]), Array(whole[..<first])) > 0.01)
  }

  @Test("A cache cut back below the trained length starts again with the factors for short texts")
  func cutBack() throws {
    let fixture = try ArchitectureFixture(Self.crossing)
    try withModel(fixture) { model in
      let cache = model.makeCache(capacity: 64)
      _ = try model.forward([Segment(tokens: fixture.prompt, cache: cache)], logits: .none)
      cache.truncate(to: 10)
      let again = try model.forward([Segment(tokens: [5], cache: cache)], logits: .last).values
      let fresh = model.makeCache(capacity: 64)
      let whole = fixture.prompt[..<10] + [5]
      let expected = try model.forward([Segment(tokens: Array(whole), cache: fresh)], logits: .last).values
      #expect(again == expected)
    }
  }

  private func logitsInPieces(_ fixture: ArchitectureFixture) throws -> [Float] {
    var values: [Float] = []
    try withModel(fixture) { model in
      let cache = model.makeCache(capacity: fixture.prompt.count)
      for first in stride(from: 0, to: fixture.prompt.count, by: 7) {
        let piece = Array(fixture.prompt[first..<min(first + 7, fixture.prompt.count)])
        values += try model.forward([Segment(tokens: piece, cache: cache)], logits: .all).values
      }
    }
    return values
  }

  @Test(
    "Without a cache, every step running the whole text again, continuations equal the reference's", arguments: cases)
  func greedyWithoutCache(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture) { model in
      let expected = try fixture.greedyUncached
      var text = fixture.prompt
      for _ in expected {
        let segment = Segment(tokens: text, cache: model.makeCache(capacity: text.count))
        text.append(best(try model.forward([segment], logits: .last).values))
      }
      #expect(Array(text[fixture.prompt.count...]) == expected)
    }
  }

  @Test("Greedy continuations equal the reference's; weights stored as bfloat16", arguments: cases)
  func greedy(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture, dtype: .bfloat16) { model in
      let expected = try fixture.greedy
      let cache = model.makeCache(capacity: fixture.prompt.count + expected.count)
      var continuation: [Int] = []
      var next = fixture.prompt
      for _ in expected {
        let row = try model.forward([Segment(tokens: next, cache: cache)], logits: .last).values
        next = [best(row)]
        continuation += next
      }
      #expect(continuation == expected)
    }
  }
}
