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
          var book = ck_codebook(
            dimension: dimension, blocks: codebook.blocks, blocked: codebook.blocked, half_norms: codebook.halfNorms,
            order: nil, places: nil, axes: nil, cuts: nil, block_boxes: nil, group_boxes: nil)
          let order = arena.place([Int32](repeating: -9, count: centroidCount + 1), offset: 1)
          let scores = arena.place([Float](repeating: 9, count: centroidCount + 1), offset: 1)
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
            variant.kernels.search_centroids(
              placed + vector * dimension, 1, &book, nil, centroidCount, order, scores)
            // All centroids, rising by score, then by index.
            let found = order.values(centroidCount).map(Int.init)
            #expect(Set(found) == Set(0..<centroidCount) && found.first == winner && scores[0] == best[vector])
            #expect(refused(scores.values(centroidCount), by: found.map { exact[$0] }) == [])
            #expect((1..<centroidCount).allSatisfy { (scores[$0 - 1], order[$0 - 1]) < (scores[$0], order[$0]) })
            #expect(order[centroidCount] == -9 && scores[centroidCount] == 9)
          }
          #expect(indices[count] == -9 && best[count] == 9)
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

  /// Any order and any cuts make a legal tree. Coarse
  /// values give exact ties, large offsets lose digits, and 1e20 overflows the scores.
  @Test("a search by boxes finds what the search through all blocks finds", arguments: KernelVariant.all)
  func boxes(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 16)
    for (blocks, dimension) in [(1, 4), (2, 1), (16, 8), (32, 3), (64, 2), (512, 8)] {
      for (scale, offset, isCoarse) in [
        (1, 0, false), (2, 0, true), (1, 1000, false), (1e-21, 0, false), (1e20, 0, false),
      ]
        as [(Float, Float, Bool)]
      {
        withArena { arena in
          func values(_ count: Int) -> [Float] {
            generator.floats(count).map { isCoarse ? ($0 * scale).rounded() : $0 * scale + offset }
          }
          let (count, vectorCount, width) = (16 * blocks, 24, 5)
          let centroids = values(count * dimension)
          let vectors = arena.place(values(vectorCount * dimension))
          let plain = Codebook(centroids, dimension: dimension, in: arena)
          var all = ck_codebook(
            dimension: dimension, blocks: blocks, blocked: plain.blocked, half_norms: plain.halfNorms, order: nil,
            places: nil, axes: nil, cuts: nil, block_boxes: nil, group_boxes: nil)
          // Sorted by the first element alone.
          let order = (0..<count).sorted { centroids[$0 * dimension] < centroids[$1 * dimension] }
          let sorted = Codebook(
            order.flatMap { centroids[$0 * dimension..<($0 + 1) * dimension] }, dimension: dimension, in: arena)
          let set = 16 * (2 * dimension + 1)
          let blockBoxes = arena.place([Float](repeating: 9, count: (blocks + 15) / 16 * set))
          let groupBoxes = arena.place([Float](repeating: 9, count: (blocks + 255) / 256 * set))
          ck_bound_codebook(sorted.blocked, sorted.halfNorms, blocks, dimension, blockBoxes, groupBoxes)
          var places = [Int32](repeating: 0, count: count)
          for (place, centroid) in order.enumerated() { places[centroid] = Int32(place) }
          var book = ck_codebook(
            dimension: dimension, blocks: blocks, blocked: sorted.blocked, half_norms: sorted.halfNorms,
            order: arena.place(order.map(Int32.init)), places: arena.place(places),
            axes: arena.place([UInt16](repeating: 0, count: blocks)),
            cuts: arena.place([Float](repeating: offset, count: blocks)), block_boxes: blockBoxes,
            group_boxes: groupBoxes)
          let hints = arena.place((0..<vectorCount).map { Int32(($0 * 7) % count) })
          for hint in [nil, hints] {
            var (expected, found) = (
              [Int32](repeating: -1, count: vectorCount * width), [Int32](repeating: -2, count: vectorCount * width)
            )
            var (least, scores) = (expected.map { _ in Float(9) }, found.map { _ in Float(9) })
            variant.kernels.search_centroids(vectors, vectorCount, &all, nil, width, &expected, &least)
            variant.kernels.search_centroids(vectors, vectorCount, &book, hint, width, &found, &scores)
            #expect(found == expected && scores == least, "\(blocks), \(dimension), \(scale)")
          }
          var (expected, least) = (
            [Int32](repeating: -1, count: vectorCount), [Float](repeating: 9, count: vectorCount)
          )
          variant.kernels.nearest_centroid(
            vectors, vectorCount, dimension, plain.blocked, plain.halfNorms, blocks, &expected, &least)
          var scores = least.map { _ in Float(9) }
          variant.kernels.search_centroids(vectors, vectorCount, &book, hints, 1, hints, &scores)
          #expect(hints.values(vectorCount) == expected && scores == least, "\(blocks), \(dimension), \(scale)")
        }
      }
    }
  }
}
