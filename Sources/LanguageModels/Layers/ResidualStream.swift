import CKernels
import Tensors

/// The residual stream of a pass, `[rows, width]`, and the update that a layer made of it last, which is added when the next layer reads the row.
struct ResidualStream {
  private let hidden: UnsafeMutablePointer<Float>
  /// Where a layer's update goes once it has read all rows, which lie there before.
  let update: UnsafeMutablePointer<Float>
  private let rows: Int
  private let width: Int
  private var hasUpdate = false
  /// A norm of the update before it is added, in some families.
  private var updateNorm: RMSNorm?

  /// Runs `body` with the stream that `hidden` begins with, and leaves in `hidden` what it is then.
  static func run(
    _ hidden: UnsafeMutablePointer<Float>, rows: Int, width: Int, _ body: (inout ResidualStream) -> Void
  ) {
    withScratch(count: rows * width) { update in
      var stream = ResidualStream(hidden: hidden, update: update, rows: rows, width: width)
      body(&stream)
      let done = stream
      ProductLoops.forRanges(tokens: rows) { done.addUpdate($0) }
    }
  }

  private init(
    hidden: UnsafeMutablePointer<Float>, update: UnsafeMutablePointer<Float>, rows: Int, width: Int
  ) {
    self.hidden = hidden
    self.update = update
    self.rows = rows
    self.width = width
  }

  /// The rows that a layer reads before it writes to `update`, which is where they lie; `updateNorm` is a norm of what it writes.
  mutating func read(_ norm: RMSNorm, updateNorm: RMSNorm?) -> InputRows {
    let before = self
    hasUpdate = true
    self.updateNorm = updateNorm
    return InputRows(update, count: rows) { range in
      before.addUpdate(range)
      for row in range { norm.apply(row, of: before.hidden, into: before.update) }
    }
  }

  private func addUpdate(_ range: Range<Int>) {
    guard hasUpdate else { return }
    if let updateNorm { for row in range { updateNorm.apply(row, of: update, into: update) } }
    let first = range.lowerBound * width
    ck_active().pointee.axpy(1, update + first, hidden + first, range.count * width)
  }
}
