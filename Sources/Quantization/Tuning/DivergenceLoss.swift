import CKernels
import LanguageModels
import Tensors

/// The mean Kullback-Leibler divergence of a tuned model's next-token probabilities from those of the original.
final class DivergenceLoss {
  private let teacher: TuningModel
  private let student: TuningModel
  private let teacherPass: WindowPass
  private let studentPass: WindowPass
  /// `[vocabularySize, hiddenSize]`.
  private let teacherHead: FloatBuffer
  private let studentHead: FloatBuffer
  /// Tokens whose logits are formed at a time.
  private let tile: Int
  /// Logits of both models, each `[tile, vocabularySize]`.
  private let logits: FloatBuffer

  /// Logits of one model that are formed at a time, unless 16 tokens have more.
  private static let logitLimit = 1 << 24

  init(teacher: TuningModel, student: TuningModel, rows: Int) throws {
    self.teacher = teacher
    self.student = student
    teacherPass = WindowPass(teacher, rows: rows, tapeLimit: 0)
    studentPass = WindowPass(student, rows: rows)
    let vocabulary = student.configuration.vocabularySize
    tile = min(256, max(16, Self.logitLimit / vocabulary), rows)
    logits = FloatBuffer(count: 2 * tile * vocabulary)
    let (own, original) = (try student.headWeight(), try teacher.headWeight())
    studentHead = FloatBuffer(own)
    teacherHead = own == original ? studentHead : FloatBuffer(original)
  }

  /// The loss of one window in nats per token; `scale` times its gradient is added to that of the parameters.
  func addGradient(_ tokens: [Int], scale: Float) -> Double {
    let original = teacherPass.forward(tokens)
    let hidden = studentPass.forward(tokens)
    let (rows, width) = (tokens.count, student.configuration.hiddenSize)
    let parameters = student.parameters
    return withScratch(count: 4 * rows * width) { normalized in
      let expected = normalized + rows * width
      let dnormalized = expected + rows * width
      let gradient = dnormalized + rows * width
      teacher.finalNorm.apply(original, rows: rows, stride: width, teacher.parameters.values.base, into: expected)
      student.finalNorm.apply(hidden, rows: rows, stride: width, parameters.values.base, into: normalized)
      let loss = divergence(expected, normalized, rows: rows, scale: scale / Float(rows), into: dnormalized)
      gradient.update(repeating: 0, count: rows * width)
      student.finalNorm.addGradient(
        hidden, dy: dnormalized, rows: rows, stride: width, parameters, to: gradient)
      studentPass.backward(gradient)
      return loss / Double(rows)
    }
  }

  /// The sum of divergences over all rows; writes the gradient by the normalised states, times `scale`.
  private func divergence(
    _ expected: UnsafePointer<Float>, _ normalized: UnsafePointer<Float>, rows: Int, scale: Float,
    into gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let kernels = ck_active().pointee
    let (width, vocabulary) = (student.configuration.hiddenSize, student.configuration.vocabularySize)
    let (teacherLogits, logits) = (logits.base, logits.base + tile * vocabulary)
    var sum = 0.0
    for first in stride(from: 0, to: rows, by: tile) {
      let count = min(tile, rows - first)
      LinearAlgebra.product(
        .init(expected + first * width, stride: width), .init(teacherHead.base, stride: width).transposed,
        into: teacherLogits, stride: vocabulary, m: count, n: vocabulary, k: width, precision: student.precision)
      LinearAlgebra.product(
        .init(normalized + first * width, stride: width), .init(studentHead.base, stride: width).transposed,
        into: logits, stride: vocabulary, m: count, n: vocabulary, k: width, precision: student.precision)
      var losses = [Double](repeating: 0, count: count)
      losses.withUnsafeMutableBufferPointer { losses in
        nonisolated(unsafe) let losses = losses
        parallelFor(count) { row in
          losses[row] = kernels.divergence_gradient(
            teacherLogits + row * vocabulary, logits + row * vocabulary, vocabulary, scale)
        }
      }
      sum += losses.reduce(0, +)
      LinearAlgebra.product(
        .init(logits, stride: vocabulary), .init(studentHead.base, stride: width), into: gradient + first * width,
        stride: width, m: count, n: width, k: vocabulary, precision: student.precision)
    }
    return sum
  }
}
