import CKernels
import Tensors

/// The activations of some tokens as integers, for those parts of a layer that take them.
final class SplitActivations {
  private let bytes: UnsafeMutablePointer<Int8>
  private let blocks: UnsafeMutablePointer<UInt16>
  private let splits: UnsafeMutablePointer<ck_split_activation>
  private let partCount: Int
  private let takesIntegers: [Bool]
  /// Splits `x[tokens, inFeatures]` (in storage order) part by part; nil if no part takes integers.
  init?(
    _ x: UnsafePointer<Float>, tokens: Int, inFeatures: Int, parts: [VectorQuantizedPart], kernels: ck_kernels
  ) {
    let padded = parts.map(\.paddedColumns)
    let perToken = padded.reduce(0, +)
    guard perToken > 0 else { return nil }
    partCount = parts.count
    takesIntegers = padded.map { $0 > 0 }
    // Digits of tokens that are a power of two apart would share places in the caches.
    let tokenBytes = 2 * perToken + 64
    let memory = UnsafeMutableRawPointer.allocate(byteCount: tokens * tokenBytes, alignment: 64)
    bytes = memory.bindMemory(to: Int8.self, capacity: tokens * tokenBytes)
    blocks = .allocate(capacity: tokens * perToken / 64)
    splits = .allocate(capacity: tokens * parts.count)
    let (bytes, blocks, splits) = (bytes, blocks, splits)
    parallelFor(tokens) { token in
      let own = bytes + token * tokenBytes
      var next = 0
      for (index, part) in parts.enumerated() where padded[index] > 0 {
        let split = splits + token * parts.count + index
        split.initialize(
          to: ck_split_activation(
            values: x, low: own + 2 * next, high: own + 2 * next + padded[index],
            large_blocks: blocks + (token * perToken + next) / 64,
            blocks: padded[index] / 64, large: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0))
        kernels.split_activation(x + token * inFeatures + part.firstColumn, part.columnCount, CK_LARGE_VALUE, split)
        next += padded[index]
      }
    }
  }

  deinit {
    bytes.deallocate()
    blocks.deallocate()
    splits.deallocate()
  }

  /// One token's activation for one part, or nil if that part takes no integers.
  func split(token: Int, part: Int) -> UnsafePointer<ck_split_activation>? {
    takesIntegers[part] ? UnsafePointer(splits + token * partCount + part) : nil
  }
}
