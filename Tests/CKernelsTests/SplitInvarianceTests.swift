import CKernels
import Testing

/// Results do not depend on how rows or tokens are shared out over calls, so that any number of threads gives the
/// same bytes.
@Suite("Independence of how work is split")
struct SplitInvarianceTests {
  /// Ways to cut 0..<23 into consecutive calls.
  static let cuts = [[1, 2, 3, 4, 5, 8], [4, 12, 3], [7, 7, 7, 2], [16, 7], [Int](repeating: 1, count: 23)]

  /// Runs `body` over the parts of 0..<23.
  static func split(_ cut: [Int], _ body: (Range<Int>) -> Void) {
    var start = 0
    for size in cut where start < 23 {
      body(start..<min(23, start + size))
      start = min(23, start + size)
    }
    if start < 23 { body(start..<23) }
  }

  @Test("gemv over rows", arguments: KernelVariant.all)
  func denseVector(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 16)
    for columns in oddSizes {
      for storage in DenseProductTests.storages {
        withArena { arena in
          let w = DenseProductTests.store(generator.floats(23 * columns), as: storage, in: arena).pointer
          let x = arena.place(generator.floats(columns))
          let whole = arena.place([Float](repeating: 0, count: 23))
          variant.kernels.gemv(w, storage, 23, columns, x, whole)
          for cut in Self.cuts {
            let parts = arena.place([Float](repeating: 0, count: 23))
            Self.split(cut) { rows in
              let row = w + rows.lowerBound * columns * (storage == CK_F32 ? 4 : 2)
              variant.kernels.gemv(row, storage, rows.count, columns, x, parts + rows.lowerBound)
            }
            #expect(parts.values(23) == whole.values(23), "\(columns), \(cut)")
          }
        }
      }
    }
  }

  @Test("gemm_panel over tokens", arguments: KernelVariant.all)
  func densePanel(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 17)
    for columns in oddSizes {
      withArena { arena in
        let rows = 1 + columns % 32
        let x = arena.place(generator.floats(23 * columns))
        let panel = arena.place(generator.floats(columns * Int(CK_PANEL)))
        let whole = arena.place([Float](repeating: 0, count: 23 * rows))
        variant.kernels.gemm_panel(x, columns, 23, panel, columns, whole, rows, rows, 0)
        for cut in Self.cuts {
          let parts = arena.place([Float](repeating: 0, count: 23 * rows))
          Self.split(cut) { tokens in
            variant.kernels.gemm_panel(
              x + tokens.lowerBound * columns, columns, tokens.count, panel, columns, parts + tokens.lowerBound * rows,
              rows, rows, 0)
          }
          #expect(parts.values(23 * rows) == whole.values(23 * rows), "\(columns), \(cut)")
        }
      }
    }
  }

  @Test("vq_gemv over vector rows", arguments: KernelVariant.all)
  func quantizedVector(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 18)
    for vectorLength in 1...16 {
      for bits in VectorQuantizedTests.widths(for: vectorLength) {
        let columns = oddSizes[(vectorLength + bits.main) % oddSizes.count] + 200
        let matrix = QuantizedMatrix(
          vectorRows: 23, columns: columns, vectorLength: vectorLength, mainBits: bits.main,
          residualBits: bits.residual,
          using: &generator)
        withArena { arena in
          var placed = matrix.placed(in: arena)
          let x = arena.place(generator.floats(columns))
          let count = 23 * vectorLength
          let whole = arena.place([Float](repeating: 0.5, count: count))
          variant.kernels.vq_gemv(&placed, 0, 23, x, whole)
          for cut in Self.cuts {
            let parts = arena.place([Float](repeating: 0.5, count: count))
            Self.split(cut) { rows in
              variant.kernels.vq_gemv(
                &placed, rows.lowerBound, rows.upperBound, x, parts + rows.lowerBound * vectorLength)
            }
            #expect(parts.values(count) == whole.values(count), "\(vectorLength), \(bits), \(cut)")
          }
        }
      }
    }
  }

  @Test("nearest_centroid over vectors", arguments: KernelVariant.all)
  func nearest(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 19)
    for dimension in [1, 4, 6, 8, 12] {
      withArena { arena in
        let codebook = NearestCentroidTests.Codebook(
          generator.floats(100 * dimension), dimension: dimension, in: arena)
        let vectors = arena.place(generator.floats(23 * dimension))
        func search(_ range: Range<Int>, _ indices: UnsafeMutablePointer<Int32>, _ best: UnsafeMutablePointer<Float>) {
          variant.kernels.nearest_centroid(
            vectors + range.lowerBound * dimension, range.count, dimension, codebook.blocked, codebook.halfNorms,
            codebook.blocks, indices + range.lowerBound, best + range.lowerBound)
        }
        let (indices, best) = (
          arena.place([Int32](repeating: 0, count: 23)), arena.place([Float](repeating: 0, count: 23))
        )
        search(0..<23, indices, best)
        for cut in Self.cuts {
          let (i, b) = (arena.place([Int32](repeating: 0, count: 23)), arena.place([Float](repeating: 0, count: 23)))
          Self.split(cut) { search($0, i, b) }
          #expect(i.values(23) == indices.values(23) && b.values(23) == best.values(23), "\(dimension), \(cut)")
        }
      }
    }
  }
}
