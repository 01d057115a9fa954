import CKernels
import Tensors

/// What parts of the quantizer cost on this machine: seconds of one processor for a unit of work, measured on small cases.
struct MachineRates {
  /// One multiplication and addition of a large product in float32.
  let product: Double
  /// One of a product as passes forth and back form it: many rows, and factors in whichever precision is fastest.
  let passProduct: Double
  /// One weight that is widened to float32 for such a product.
  let widening: Double
  /// One of a product as the passes over columns form it: 128 deep and as wide as a chunk of rows.
  let chunkProduct: Double
  /// One of the updates within a block of columns.
  let update: Double
  /// One of a second moment, in double precision.
  let secondMoment: Double
  /// `n³` of the factor of an inverse metric of order `n`; on one thread.
  let factor: Double
  /// One element of a matrix that is prepared; on one thread.
  let preparation: Double
  /// One weight of a conjugate-gradient step, besides the product.
  let gradientStep: Double
}

extension MachineRates {
  private static let order = 256
  private static let chunkWidth = 96

  /// Measures, for a third of a second or so.
  init() {
    let n = Self.order
    var random = CounterRandom(seed: 0)
    let values = (0..<4 * n * n).map { _ in Float(random.uniform()) - 0.5 }
    var sums = [Float](repeating: 0, count: 4 * n * n)
    product =
      ProcessorTime.seconds {
        LinearAlgebra.multiplyAccumulate(
          alpha: 1, values, aStride: 2 * n, values, bStride: 2 * n, into: &sums, cStride: 2 * n, m: 2 * n, n: 2 * n,
          k: 2 * n)
      } / Double(8 * n * n * n)
    passProduct =
      ProcessorTime.seconds {
        values.withUnsafeBufferPointer { values in
          sums.withUnsafeMutableBufferPointer { sums in
            guard let values = values.baseAddress, let sums = sums.baseAddress else { return }
            let operand = LinearAlgebra.Operand(values, stride: 2 * n)
            LinearAlgebra.product(
              operand, operand.transposed, into: sums, stride: 2 * n, m: n, n: 2 * n, k: 2 * n, precision: .fastest)
          }
        }
      } / Double(4 * n * n * n)
    widening = Self.widening
    chunkProduct =
      ProcessorTime.seconds {
        LinearAlgebra.multiplyAccumulate(
          alpha: 1, values, aStride: 2 * n, transposed: true, values, bStride: Self.chunkWidth, into: &sums,
          cStride: Self.chunkWidth, m: 2 * n, n: Self.chunkWidth, k: 128)
      } / Double(2 * n * Self.chunkWidth * 128)
    update = Self.update(values, &sums)
    var moments = [Double](repeating: 0, count: n * n)
    secondMoment =
      ProcessorTime.seconds {
        LinearAlgebra.accumulateSecondMoment(values, tokens: 2 * n, n: n, into: &moments)
      } / Double(n * n * n)
    for i in 0..<n { moments[i * n + i] += 1 }
    let metric = moments.indices.map { index in
      let (row, column) = (index / n, index % n)
      return moments[min(row, column) * n + max(row, column)]
    }
    factor = ProcessorTime.seconds { _ = LinearAlgebra.choleskyUpperOfInverse(metric, n: n) } / Double(n * n * n)
    (preparation, gradientStep) = Self.matrix(Array(values.prefix(n * n)), metric, factor: factor, product: product)
  }

  /// Of more weights than caches hold.
  private static var widening: Double {
    let halves = [UInt16](repeating: 0x3C00, count: 64 * order * order)
    return ProcessorTime.seconds {
      halves.withUnsafeBytes { stored in
        withScratch(count: halves.count) {
          FloatConversion.widen(
            stored, dtype: .float16, into: UnsafeMutableBufferPointer(start: $0, count: halves.count))
        }
      }
    } / Double(halves.count)
  }

  private static func update(_ values: [Float], _ sums: inout [Float]) -> Double {
    let rows = 4 * order
    let axpy = ck_active().pointee.axpy
    return ProcessorTime.seconds {
      sums.withUnsafeMutableBufferPointer { sums in
        guard let sums = sums.baseAddress else { return }
        for row in 0..<rows { axpy(0.5, values, sums + row * chunkWidth, chunkWidth) }
      }
    } / Double(rows * chunkWidth)
  }

  /// Preparation and least squares of a matrix whose metric is `metric`, less their factor and products.
  private static func matrix(
    _ weight: [Float], _ metric: [Double], factor: Double, product: Double
  ) -> (preparation: Double, gradientStep: Double) {
    let (n, steps) = (order, 4)
    let layout = ColumnLayout(outFeatures: n, inFeatures: n, vectorLength: 8)
    var recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256, residualCentroidCount: 256)
    recipe.damping = 1
    var prepared: PreparedMatrix?
    let preparation = ProcessorTime.seconds {
      var notices: [String] = []
      prepared = try? PreparedMatrix(
        weight: weight, secondMoment: metric, layout: layout, recipe: recipe, name: "", notices: &notices)
    }
    var codes = ColumnCodes(layout: layout, hasResidual: true)
    for index in codes.main.indices {
      codes.main[index] = Int32(index % 256)
      codes.residual[index] = Int32(index / 256 % 256)
    }
    let book = Array(weight.prefix(256 * 8))
    let solver = CodebookLeastSquares(
      layout: layout, metric: prepared?.metric ?? metric.map(Float.init), weights: prepared?.weights ?? weight)
    let fit = ProcessorTime.seconds {
      _ = solver.solve(codes: codes, start: CodebookSet(main: [book], residual: [book]), steps: steps)
    }
    let (square, cube) = (Double(n * n), Double(n * n * n))
    return (
      max(0, preparation - factor * cube) / (2 * square),
      max(0, fit - Double(steps + 1) * product * cube) / (Double(steps + 1) * square)
    )
  }
}
