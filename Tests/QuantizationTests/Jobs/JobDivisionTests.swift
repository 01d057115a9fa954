import Testing

@testable import Quantization

@Suite("Division of a job into tasks")
struct JobDivisionTests {
  /// Passes take 4 windows: 30 windows are 8 passes, so there are at most 8 shards.
  @Test("Shards hold whole passes, follow one another and are never empty")
  func shards() {
    #expect(JobDivision(shards: 1).shardRanges(windows: 30) == [0..<30])
    #expect(JobDivision(shards: 3).shardRanges(windows: 30) == [0..<8, 8..<20, 20..<30])
    #expect(JobDivision(shards: 8).shardRanges(windows: 30).map(\.count) == [4, 4, 4, 4, 4, 4, 4, 2])
    #expect(JobDivision(shards: 100).shardRanges(windows: 30) == JobDivision(shards: 8).shardRanges(windows: 30))
    #expect(JobDivision(shards: 5).shardRanges(windows: 3) == [0..<3])
  }

  @Test("Parts share the matrices of a block, and never one matrix")
  func parts() {
    #expect(JobDivision(partsPerBlock: 1).partRanges(matrices: 7) == [0..<7])
    #expect(JobDivision(partsPerBlock: 16).partRanges(matrices: 7).map(\.count) == [1, 1, 1, 1, 1, 1, 1])
    #expect(JobDivision(partsPerBlock: 3).partRanges(matrices: 7) == [0..<2, 2..<4, 4..<7])
    #expect(JobDivision(partsPerBlock: 4).partRanges(matrices: 0).isEmpty)
  }
}
