import Tensors
import Testing

@testable import Quantization

/// The search by a tree of boxes against the search through all centroids: indices and scores to the last bit.
@Suite("Exact search by boxes")
struct SearchTreeTests {
  enum Kind: CaseIterable { case gaussian, clustered, duplicates, constant, integers, huge }

  private func values(_ kind: Kind, count: Int, dimension: Int, seed: UInt64) -> [Float] {
    var random = CounterRandom(seed: seed)
    return (0..<count * dimension).map { index in
      let noise = Float(SyntheticLayer.gaussian(&random))
      switch kind {
      case .gaussian: return noise
      // 16 narrow clusters.
      case .clustered: return Float(index / dimension % 16) * 3 + noise * 0.01
      // Every vector occurs 64 times or so.
      case .duplicates: return Float(index / dimension % 37) * 0.1 - Float(index % dimension)
      case .constant: return 0.25
      // Exact ties of different centroids.
      case .integers: return noise.rounded()
      // A few centroids far out, where digits are lost.
      case .huge: return index / dimension % 100 == 0 ? noise * 1e6 : noise
      }
    }
  }

  @Test("Neither the tree nor hints change a result", arguments: Kind.allCases)
  func equality(_ kind: Kind) {
    for (count, dimension) in [(8192, 8), (4096, 6), (1024, 4)] {
      let centroids = values(kind, count: count, dimension: dimension, seed: 1)
      let plain = BlockedCodebook(centroids, dimension: dimension, usesTree: false)
      let tree = BlockedCodebook(centroids, dimension: dimension, usesTree: true)
      let number = 100
      // Vectors between the centroids, and at the end centroids themselves.
      let vectors =
        values(kind, count: number - 20, dimension: dimension, seed: 2)
        + centroids.suffix(20 * dimension)
      var (expected, found) = ([Int32](repeating: -1, count: number), [Int32](repeating: -2, count: number))
      var (least, scores) = ([Float](repeating: 0, count: number), [Float](repeating: 1, count: number))
      plain.nearest(vectors, count: number, indices: &expected, scores: &least)
      tree.nearest(vectors, count: number, indices: &found, scores: &scores)
      #expect(found == expected && scores == least, "\(count), \(dimension)")
      let hints = (0..<number).map { Int32(($0 * 31) % count) }
      tree.nearest(vectors, count: number, hints: hints, indices: &found)
      #expect(found == expected, "\(count), \(dimension), hints")
      let width = 8
      for n in 0..<number {
        var (first, second) = ([Int32](repeating: -1, count: width), [Int32](repeating: -2, count: width))
        var (low, same) = ([Float](repeating: 0, count: width), [Float](repeating: 1, count: width))
        let vector = Array(vectors[n * dimension..<(n + 1) * dimension])
        plain.nearest(vector, width: width, indices: &first, scores: &low)
        tree.nearest(vector, width: width, indices: &second, scores: &same)
        #expect(first == second && low == same && first[0] == expected[n], "\(count), \(dimension), beam of \(n)")
      }
    }
  }

  @Test("Trees are for centroids that lie dense")
  func worthwhile() {
    #expect(SearchTree.isWorthwhile(count: 65536, dimension: 8))
    #expect(SearchTree.isWorthwhile(count: 4096, dimension: 8))
    #expect(!SearchTree.isWorthwhile(count: 4096, dimension: 12))
    #expect(!SearchTree.isWorthwhile(count: 512, dimension: 2))
    #expect(!SearchTree.isWorthwhile(count: 1500, dimension: 2))
  }
}
