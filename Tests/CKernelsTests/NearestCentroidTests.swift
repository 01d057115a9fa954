import CKernels
import Testing

@Suite("Nearest centroids")
struct NearestCentroidTests {
  /// A codebook laid out for the kernels.
  struct Codebook {
    let blocked: UnsafeMutablePointer<Float>
    let halfNorms: UnsafeMutablePointer<Float>
    let blocks: Int

    init(_ centroids: [Float], dimension: Int, in arena: Arena) {
      let count = centroids.count / dimension
      blocks = (count + 15) / 16
      blocked = arena.place([Float](repeating: 9, count: blocks * dimension * 16), offset: 1)
      halfNorms = arena.place([Float](repeating: 9, count: blocks * 16), offset: 1)
      ck_block_codebook(centroids, count, dimension, blocked, halfNorms)
    }
  }

  @Test("the layout pads with zeros and infinite norms")
  func layout() {
    withArena { arena in
      // Three centroids of two floats: (1, 2), (3, 4), (6, 8).
      let codebook = Codebook([1, 2, 3, 4, 6, 8], dimension: 2, in: arena)
      let padding = [Float](repeating: 0, count: 13)
      #expect(codebook.blocks == 1)
      #expect(codebook.blocked.values(32) == [1, 3, 6] + padding + [2, 4, 8] + padding)
      #expect(codebook.halfNorms.values(16) == [2.5, 12.5, 50] + padding.map { _ in .infinity })
    }
  }

  @Test("indices and scores are those of a search in double precision", arguments: KernelVariant.all)
  func search(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 14)
    for (index, count) in [0, 1, 3, 4, 7, 8, 9, 17, 33].enumerated() {
      for dimension in [1, 2, 4, 5, 6, 8, 12, 16] {
        withArena { arena in
          let centroidCount = oddSizes[(index + dimension) % oddSizes.count]
          let centroids = generator.floats(centroidCount * dimension)
          let vectors = generator.floats(count * dimension)
          let codebook = Codebook(centroids, dimension: dimension, in: arena)
          let placed = arena.place(vectors, offset: 1)
          let indices = arena.place([Int32](repeating: -9, count: count + 1), offset: 1)
          let best = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
          variant.kernels.nearest_centroid(
            placed, count, dimension, codebook.blocked, codebook.halfNorms, codebook.blocks, indices, best)
          let scores = arena.place([Float](repeating: 9, count: codebook.blocks * 16 + 1), offset: 1)
          for vector in 0..<count {
            let exact = (0..<centroidCount).map { centroid in
              var sum = ReferenceSum()
              for j in 0..<dimension {
                let c = Double(centroids[centroid * dimension + j])
                sum.add(c * c / 2)
                sum.add(-Double(vectors[vector * dimension + j]) * c)
              }
              return sum
            }
            let smallest = exact.map(\.value).min() ?? 0
            // The winner may differ from the exact one by rounding only.
            let winner = Int(indices[vector])
            #expect(winner >= 0 && winner < centroidCount && exact[winner].value - smallest < 1e-5)
            #expect(exact[winner].accepts(best[vector]))
            variant.kernels.centroid_scores(
              placed + vector * dimension, dimension, codebook.blocked, codebook.halfNorms, codebook.blocks, scores)
            let found = scores.values(codebook.blocks * 16)
            #expect(refused(Array(found.prefix(centroidCount)), by: exact) == [])
            #expect(found.dropFirst(centroidCount).allSatisfy { $0 == .infinity })
            #expect(found.firstIndex(of: found.min() ?? 0) == winner && found[winner] == best[vector])
          }
          #expect(indices[count] == -9 && best[count] == 9 && scores[codebook.blocks * 16] == 9)
        }
      }
    }
  }

  @Test("of equal centroids the one with the lowest index wins", arguments: KernelVariant.all)
  func ties(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 15)
    let dimension = 4
    for period in [1, 3, 16, 17, 40] {
      withArena { arena in
        // 100 centroids that repeat after `period`: every score of the first `period` occurs again.
        let first = generator.floats(period * dimension)
        let centroids = (0..<100).flatMap { first[($0 % period * dimension)..<(($0 % period + 1) * dimension)] }
        let codebook = Codebook(centroids, dimension: dimension, in: arena)
        let vectors = arena.place(generator.floats(19 * dimension))
        var indices = [Int32](repeating: -9, count: 19)
        variant.kernels.nearest_centroid(
          vectors, 19, dimension, codebook.blocked, codebook.halfNorms, codebook.blocks, &indices, nil)
        #expect(indices.allSatisfy { $0 >= 0 && $0 < period }, "\(period)")
      }
    }
  }
}
