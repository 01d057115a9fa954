import CKernels
import Foundation
import LanguageModels
import Tensors

/// How one row of a model's logits compares with the reference's.
struct RowComparison: Sendable {
  /// The reference's `−log p(target)`.
  var referenceLoss = 0.0
  /// `Σ p log(p / q)`, in nats.
  var divergence = 0.0
  /// Whether both find the same token most likely.
  var agrees = false
}

/// Where the predictions of a reference come from, window by window.
protocol ReferenceLogits: AnyObject {
  /// Starts the window of this number.
  func begin(window: Int, tokens: Int) throws

  /// Goes on by `tokens` and compares the last `targets.count` rows with those of `logits`.
  func compare(tokens: [Int], with logits: Logits, targets: [Int]) throws -> [RowComparison]
}

/// A reference that runs beside the model; only a piece of a window of both models' logits is held.
final class ReferenceModel: ReferenceLogits {
  private let model: any CausalLanguageModel
  private var cache: KeyValueCache

  init(_ model: any CausalLanguageModel) {
    self.model = model
    cache = model.makeCache(capacity: 1)
  }

  func begin(window: Int, tokens: Int) { cache = model.makeCache(capacity: tokens) }

  func compare(tokens: [Int], with logits: Logits, targets: [Int]) throws -> [RowComparison] {
    let expected = try model.forward([Segment(tokens: tokens, cache: cache)], logits: .final([targets.count]))
    return Self.compare(expected, with: logits, targets: targets)
  }

  static func compare(_ expected: Logits, with logits: Logits, targets: [Int]) -> [RowComparison] {
    let width = logits.vocabularySize
    var rows = [RowComparison](repeating: RowComparison(), count: targets.count)
    rows.withUnsafeMutableBufferPointer { rows in
      expected.values.withUnsafeBufferPointer { expected in
        logits.values.withUnsafeBufferPointer { values in
          guard let result = rows.baseAddress, let teacher = expected.baseAddress, let student = values.baseAddress
          else { return }
          parallelFor(targets.count) { row in
            let (p, q) = (teacher + row * width, student + row * width)
            let reference = LogitRow(p, count: width)
            let divergence = withScratch(count: 2 * width) { scratch in
              scratch.update(from: p, count: width)
              (scratch + width).update(from: q, count: width)
              return ck_active().pointee.divergence_gradient(scratch, scratch + width, width, 1)
            }
            result[row] = RowComparison(
              referenceLoss: reference.normalizer - Double(p[targets[row]]), divergence: max(0, divergence),
              agrees: reference.best == LogitRow.largest(q, count: width))
          }
        }
      }
    }
    return rows
  }
}
