import CKernels
import Tensors

/// The activations of some tokens as integers, for those parts of a layer that take them.
final class SplitActivations: @unchecked Sendable {
  private let bytes: UnsafeMutablePointer<Int8>
  private let blocks: UnsafeMutablePointer<UInt16>
  private let splits: UnsafeMutablePointer<ck_split_activation>
  private let parts: [VectorQuantizedPart]
  /// Columns of each part with those that pad it, 0 where it takes no integers.
  private let padded: [Int]
  /// Padded columns of all parts.
  private let columns: Int

  /// Room for `tokens` activations; nil if no part takes integers.
  init?(tokens: Int, parts: [VectorQuantizedPart]) {
    self.parts = parts
    padded = parts.map(\.paddedColumns)
    columns = padded.reduce(0, +)
    guard columns > 0 else { return nil }
    let capacity = tokens * Self.tokenBytes(columns)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
    bytes = memory.bindMemory(to: Int8.self, capacity: capacity)
    blocks = .allocate(capacity: tokens * columns / 64)
    splits = .allocate(capacity: tokens * parts.count)
  }

  /// Digits of tokens that are a power of two apart would share places in the caches.
  private static func tokenBytes(_ columns: Int) -> Int { 2 * columns + 64 }

  /// Splits the activation `x` of one token (in storage order) part by part; it must stay where it is.
  func fill(token: Int, with x: UnsafePointer<Float>, kernels: ck_kernels) {
    let own = bytes + token * Self.tokenBytes(columns)
    var next = 0
    for (index, part) in parts.enumerated() where padded[index] > 0 {
      let split = splits + token * parts.count + index
      split.initialize(
        to: ck_split_activation(
          values: x + part.firstColumn, low: own + 2 * next, high: own + 2 * next + padded[index],
          large_blocks: blocks + (token * columns + next) / 64, blocks: padded[index] / 64, large: 0, scale: 0,
          sum_low: 0, sum_high: 0, is_narrow: 0))
      kernels.split_activation(x + part.firstColumn, part.columnCount, CK_LARGE_VALUE, split)
      next += padded[index]
    }
  }

  deinit {
    bytes.deallocate()
    blocks.deallocate()
    splits.deallocate()
  }

  /// One token's activation for one part, or nil if that part takes no integers.
  func split(token: Int, part: Int) -> UnsafePointer<ck_split_activation>? {
    padded[part] > 0 ? UnsafePointer(splits + token * parts.count + part) : nil
  }
}
