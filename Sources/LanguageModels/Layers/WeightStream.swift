import Dispatch
import Foundation
import Tensors

/// Matrices that do not fit the memory at hand, in the order in which a pass reads them: while one is used the next ones are
/// read from disk, and those behind are dropped.
///
/// Left to itself, a system that keeps what was used last has always just given up what a pass needs next, be the model ever so
/// little too large.
final class WeightStream: @unchecked Sendable {
  private struct Unit {
    let tensors: [Tensor]
    let bytes: Int
  }

  private let lock = NSLock()
  private let queue = DispatchQueue(label: "vptq.read-ahead")
  /// All below are guarded by `lock`.
  private var units: [Unit] = []
  private var position = -1
  /// Units behind `position` that have been asked for, and their bytes.
  private var asked = 0
  private var askedBytes = 0

  /// Bytes that are read ahead of their use, and whether anything is.
  private let window: Int
  private let readsAhead: Bool

  init(window: Int, readsAhead: Bool) {
    self.window = window
    self.readsAhead = readsAhead
  }

  /// Adds a matrix behind the others; its number.
  func add(_ tensors: [Tensor]) -> Int {
    let tensors = tensors.filter(\.isMapped)
    let bytes = tensors.reduce(0) { $0 + $1.shape.elementCount * $1.dtype.byteCount }
    return lock.withLock {
      units.append(Unit(tensors: tensors, bytes: bytes))
      return units.count - 1
    }
  }

  /// A matrix is about to be used.
  func begin(_ index: Int) {
    guard readsAhead else { return }
    lock.withLock {
      if position < 0 {
        for tensor in units[index].tensors { tensor.readAhead() }
      } else {
        var at = position
        while at != index {
          at = (at + 1) % units.count
          guard asked > 0 else { continue }
          asked -= 1
          askedBytes -= units[at].bytes
        }
      }
      position = index
    }
    // To ask costs as much as finding room for so many pages.
    queue.async { while self.readNext() {} }
  }

  /// A matrix will not be used until the next pass.
  func end(_ index: Int) {
    let unit = lock.withLock { units[index] }
    queue.async { for tensor in unit.tensors { tensor.dropPages() } }
  }

  /// Asks for one more matrix, unless enough are on their way.
  private func readNext() -> Bool {
    let next: Unit? = lock.withLock {
      guard asked + 1 < units.count, asked == 0 || askedBytes < window else { return nil }
      let unit = units[(position + 1 + asked) % units.count]
      asked += 1
      askedBytes += unit.bytes
      return unit
    }
    guard let next else { return false }
    for tensor in next.tensors { tensor.readAhead() }
    return true
  }
}

/// A matrix that stays on disk between two uses.
struct StreamedLinear: Linear {
  let linear: any Linear
  /// What is read for it.
  let tensors: [Tensor]
  let stream: WeightStream
  /// Its place in the stream; nil for experts, whose turn is not known beforehand: the system keeps those used last.
  let index: Int?

  var inFeatures: Int { linear.inFeatures }
  var outFeatures: Int { linear.outFeatures }
  var storedBytes: Int { linear.storedBytes }

  func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    if let index { stream.begin(index) }
    linear.withLoops(x, tokens: tokens, grouping: grouping, into: y, share: share, body)
    if let index { stream.end(index) }
  }

  func readAhead() {
    for tensor in tensors { tensor.readAhead() }
  }
}

extension Linear {
  /// Asks for what is read of this matrix, if it is on disk.
  func readAhead() { (self as? StreamedLinear)?.readAhead() }
}
