import CKernels
import Tensors

/// An RMSNorm whose weight is tuned.
struct TunedNorm {
  /// Where its weight lies among the tuned values.
  let range: Range<Int>
  let epsilon: Float
  /// Added to the stored weight.
  let offset: Float

  /// Rows that one worker handles, and whose share of the weight's gradient is summed first.
  private static let rowsPerTask = 64

  private var width: Int { range.count }

  private func weight(_ values: UnsafePointer<Float>) -> [Float] {
    (0..<width).map { values[range.lowerBound + $0] + offset }
  }

  /// `y = norm(x)` for rows of `width` values that start `stride` floats apart in both; several to a row follow one another.
  func apply(
    _ x: UnsafePointer<Float>, rows: Int, perRow: Int = 1, stride: Int, _ values: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let weight = weight(values)
    parallelFor((rows + Self.rowsPerTask - 1) / Self.rowsPerTask) { task in
      for row in (task * Self.rowsPerTask)..<min((task + 1) * Self.rowsPerTask, rows) {
        for index in 0..<perRow {
          let at = row * stride + index * width
          kernels.rms_norm(x + at, weight, epsilon, width, y + at)
        }
      }
    }
  }

  /// Adds to `dx` and to the weight's gradient what `dy` means for them; all rows lie like those of `apply`.
  func addGradient(
    _ x: UnsafePointer<Float>, dy: UnsafePointer<Float>, rows: Int, perRow: Int = 1, stride: Int,
    _ parameters: TunedParameters, to dx: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let weight = weight(parameters.values.base)
    let tasks = (rows + Self.rowsPerTask - 1) / Self.rowsPerTask
    withScratch(count: tasks * width) { sums in
      parallelFor(tasks) { task in
        let sum = sums + task * width
        sum.update(repeating: 0, count: width)
        for row in (task * Self.rowsPerTask)..<min((task + 1) * Self.rowsPerTask, rows) {
          for index in 0..<perRow {
            let at = row * stride + index * width
            kernels.rms_norm_gradient(x + at, weight, dy + at, epsilon, width, dx + at, sum)
          }
        }
      }
      for task in 0..<tasks {
        kernels.axpy(1, sums + task * width, parameters.gradient.base + range.lowerBound, width)
      }
    }
  }
}
