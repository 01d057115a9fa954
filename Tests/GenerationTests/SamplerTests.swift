import Foundation
import Testing

@testable import Generation

/// Logits and kept sets of cases P01, P02 and P05; the sets were recorded with transformers 4.48.3.
@Suite("Sampler")
struct SamplerTests {
  let logits: [Float] = [2, 1, 0.5, -1, -2, 0]

  private func kept(_ options: SamplingOptions) throws -> Set<Int> {
    Set(try Sampler(options, vocabularySize: 6).candidates(logits[...]).map(\.id))
  }

  @Test("Temperature 0, 1e-4 and 1e-30 take the most likely token, the lowest id on a tie (case P01)")
  func greedy() throws {
    for temperature in [0, 1e-4, 1e-30] {
      let options = SamplingOptions(temperature: temperature)
      var sampler = try Sampler(options, vocabularySize: 6)
      #expect(try sampler.next(logits[...]) == 0)
      var tie = try Sampler(options, vocabularySize: 4)
      #expect(try tie.next([1, 3, 3, 3]) == 1)
    }
  }

  @Test("Negative and undefined temperatures are refused by name (case P01)", arguments: [-1, Double.nan])
  func badTemperature(value: Double) {
    #expect { try Sampler(SamplingOptions(temperature: value), vocabularySize: 6) } throws: {
      ($0 as? GenerationError)?.option == "temperature"
    }
  }

  @Test(
    "top-p keeps these sets (case P02)",
    arguments: [
      (0.0, [0]), (0.55, [0]), (0.56, [0, 1]), (0.76, [0, 1]), (0.77, [0, 1, 2]), (0.9, [0, 1, 2, 5]),
      (0.99, [0, 1, 2, 3, 4, 5]), (1, [0, 1, 2, 3, 4, 5]),
    ] as [(Double, Set<Int>)])
  func topP(value: Double, expected: Set<Int>) throws {
    #expect(try kept(SamplingOptions(topP: value)) == expected)
  }

  @Test("top-k of 0, -1 and more than the vocabulary keeps all (case P02)", arguments: [0, -1, 7, 1000])
  func topKOff(value: Int) throws {
    #expect(try kept(SamplingOptions(topK: value)) == [0, 1, 2, 3, 4, 5])
  }

  @Test("top-k of 2 keeps two")
  func topK() throws {
    #expect(try kept(SamplingOptions(topK: 2)) == [0, 1])
  }

  @Test(
    "min-p keeps these sets (case P02)",
    arguments: [(0.05, [0, 1, 2, 5]), (0.2, [0, 1, 2]), (1, [0])] as [(Double, Set<Int>)])
  func minP(value: Double, expected: Set<Int>) throws {
    #expect(try kept(SamplingOptions(minP: value)) == expected)
  }

  @Test("Rows without a distribution are an error, never token 0 (case P05)")
  func noDistribution() throws {
    for row in [[Float](repeating: -.infinity, count: 6), [0, .nan, 0, 0, 0, 0]] {
      var sampler = try Sampler(SamplingOptions(), vocabularySize: 6)
      #expect { try sampler.next(row[...]) } throws: { ($0 as? GenerationError)?.code == .noDistribution }
    }
  }

  @Test("A bias of -100 on all ids but one leaves that one (case P05)")
  func bias() throws {
    let biases = Dictionary(uniqueKeysWithValues: [0, 1, 2, 3, 5].map { ($0, -100.0) })
    var sampler = try Sampler(SamplingOptions(logitBias: biases, seed: 1), vocabularySize: 6)
    for _ in 0..<20 { #expect(try sampler.next(logits[...]) == 4) }
  }

  @Test("The same seed draws the same tokens, another seed others; frequencies follow the softmax")
  func seeds() throws {
    func draw(_ seed: UInt64) throws -> [Int] {
      var sampler = try Sampler(SamplingOptions(seed: seed), vocabularySize: 6)
      return try (0..<4000).map { _ in try sampler.next(logits[...]) }
    }
    let (first, again, other) = (try draw(1), try draw(1), try draw(2))
    #expect(first == again)
    #expect(first != other)
    // softmax of the logits; five standard deviations of a frequency over 4,000 draws are below 0.04
    for (id, probability) in [0.557275, 0.205010, 0.124345, 0.027745, 0.010207, 0.075419].enumerated() {
      #expect(abs(Double(first.count { $0 == id }) / 4000 - probability) < 0.04)
    }
  }

  @Test("Log-probabilities are natural logarithms of the softmax (case V12)")
  func logProbabilities() {
    let probabilities = LogProbabilities(logits[...])
    let top = probabilities.top(6)
    #expect(abs(top[0].value - -0.584697) < 1e-6)
    #expect(top.map(\.id) == [0, 1, 2, 5, 3, 4])
    #expect(abs(top.reduce(0) { $0 + exp($1.value) } - 1) < 1e-6)
  }
}
