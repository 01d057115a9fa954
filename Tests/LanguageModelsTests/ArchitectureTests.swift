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
