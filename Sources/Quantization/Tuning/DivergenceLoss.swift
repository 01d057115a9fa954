import CKernels
import LanguageModels
import Tensors

/// The mean Kullback-Leibler divergence of a tuned model's next-token probabilities from those of the original.
final class DivergenceLoss {
  private let teacher: TuningModel
  private let student: TuningModel
  private let teacherPass: WindowPass
  private let studentPass: WindowPass
  private let teacherHead: TiledHead
  private let studentHead: TiledHead
  /// Logits of both models, each `[tile, vocabularySize]`.
  private let logits: FloatBuffer

  init(teacher: TuningModel, student: TuningModel, rows: Int) {
    self.teacher = teacher
    self.student = student
    teacherPass = WindowPass(teacher, rows: rows, tapeLimit: 0)
    studentPass = WindowPass(student, rows: rows)
    studentHead = TiledHead(student, rows: rows)
    logits = FloatBuffer(count: 2 * studentHead.tile * studentHead.vocabulary)
    let isShared =
      student.head.dtype == teacher.head.dtype
      && student.head.withUnsafeBytes { own in teacher.head.withUnsafeBytes { own.elementsEqual($0) } }
    teacherHead = TiledHead(teacher, rows: rows, weight: isShared ? studentHead.weight : nil)
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
    let (width, vocabulary, tile) = (studentHead.width, studentHead.vocabulary, studentHead.tile)
    let (teacherLogits, logits) = (logits.base, logits.base + tile * vocabulary)
    var sum = 0.0
    for first in stride(from: 0, to: rows, by: tile) {
      let count = min(tile, rows - first)
      teacherHead.apply(expected + first * width, count: count, into: teacherLogits)
      studentHead.apply(normalized + first * width, count: count, into: logits)
      var losses = [Double](repeating: 0, count: count)
      losses.withUnsafeMutableBufferPointer { losses in
        nonisolated(unsafe) let losses = losses
        parallelFor(count) { row in
          losses[row] = kernels.divergence_gradient(
            teacherLogits + row * vocabulary, logits + row * vocabulary, vocabulary, scale)
        }
      }
      sum += losses.reduce(0, +)
      studentHead.backPropagate(logits, count: count, into: gradient + first * width)
    }
    return sum
  }
}
