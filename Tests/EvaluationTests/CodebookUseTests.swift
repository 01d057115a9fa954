import Testing

@testable import Evaluation

@Suite("Use of codebooks")
struct CodebookUseTests {
  @Test("Equal use has as much entropy as bits, a single centroid none")
  func entropy() {
    let even = CodebookUse([[8, 8, 8, 8]], bitsPerCode: 2)
    #expect(even.entropyPerCode == 2)
    #expect(even.efficiency == 1)
    #expect(even.usedShare == 1)
    let single = CodebookUse([[32, 0, 0, 0]], bitsPerCode: 2)
    #expect(single.entropyBits == 0)
    #expect(single.used == 1)
    // 1/2, 1/4, 1/8, 1/8: 1.75 bits.
    let halves = CodebookUse([[4, 2, 1, 1]], bitsPerCode: 2)
    #expect(halves.entropyPerCode == 1.75)
    #expect(halves.bitsPerCode == 2)
  }

  @Test("Bins count centroids by their use over the mean of their codebook")
  func histogram() {
    // Of 64 codes for 4 centroids the mean is 16: 33, 16, 15, 0 are 2.06, 1, 0.94 and 0 times that.
    let use = CodebookUse([[33, 16, 15, 0]], bitsPerCode: 2)
    let bins = zip(CodebookUse.binNames, use.histogram).filter { $0.1 > 0 }
    #expect(bins.map(\.0) == ["0", "1/2", "1", "2"])
    #expect(use.histogram.reduce(0, +) == 4)
    #expect(CodebookUse.bin(1.0 / 16) == 2)
    #expect(CodebookUse.bin(1.0 / 17) == 1)
    #expect(CodebookUse.bin(16) == 10)
    #expect(CodebookUse.bin(1e9) == 10)
  }

  @Test("Groups and layers add up; a group without codes leaves its centroids unused")
  func sums() {
    let both = CodebookUse([[1, 1], [2, 0]], bitsPerCode: 1) + CodebookUse([[0, 0]], bitsPerCode: 1)
    #expect(both.centroids == 6)
    #expect(both.used == 3)
    #expect(both.codes == 4)
    #expect(both.indexBits == 4)
    #expect(both.entropyBits == 2)
    #expect(both.histogram[0] == 3)
    #expect(CodebookUse().efficiency == 0)
  }
}
