import CKernels
import Tensors

/// Parts of a layer that live longer than the loops in which all threads use them, which then need not count their references.
typealias SharedParts = UnsafeBufferPointer<Unmanaged<VectorQuantizedPart>>

/// The activations of some tokens as integers, for those parts of a layer that take them.
struct SplitActivations: @unchecked Sendable {
  private let bytes: UnsafeMutablePointer<Int8>
  /// Of large blocks of 64 columns, and of eights of columns with high digits.
  private let names: UnsafeMutablePointer<UInt16>
  private let splits: UnsafeMutablePointer<ck_split_activation>
  private let parts: SharedParts
  /// Padded columns of all parts.
  private let columns: Int

  /// Takes the memory `memory`, at a cache line, of `byteCount(tokens:parts:)` bytes; nil if no part takes integers.
  init?(tokens: Int, parts: SharedParts, in memory: UnsafeMutableRawPointer) {
    self.parts = parts
    columns = Self.columns(parts)
    guard columns > 0 else { return nil }
    let digits = tokens * Self.tokenBytes(columns)
    bytes = memory.bindMemory(to: Int8.self, capacity: digits)
    splits = (memory + digits).bindMemory(to: ck_split_activation.self, capacity: tokens * parts.count)
    let memory = memory + digits + tokens * parts.count * MemoryLayout<ck_split_activation>.stride
    names = memory.bindMemory(to: UInt16.self, capacity: tokens * Self.nameCount(columns))
  }

  /// Bytes that `tokens` activations take.
  static func byteCount(tokens: Int, parts: SharedParts) -> Int {
    let columns = columns(parts)
    return tokens
      * (tokenBytes(columns) + parts.count * MemoryLayout<ck_split_activation>.stride
        + nameCount(columns) * MemoryLayout<UInt16>.stride)
  }

  private static func columns(_ parts: SharedParts) -> Int {
    parts.reduce(0) { $0 + $1._withUnsafeGuaranteedRef(\.paddedColumns) }
  }

  private static func nameCount(_ columns: Int) -> Int { columns / 64 + columns / 8 }

  /// Digits of tokens that are a power of two apart would share places in the caches.
  private static func tokenBytes(_ columns: Int) -> Int { 2 * columns + 64 }

  /// Splits the activation `x` of one token (in storage order) part by part; it must stay where it is.
  func fill(token: Int, with x: UnsafePointer<Float>, kernels: ck_kernels) {
    let own = bytes + token * Self.tokenBytes(columns)
    let ownNames = names + token * Self.nameCount(columns)
    var next = 0
    for index in 0..<parts.count {
      parts[index]._withUnsafeGuaranteedRef { part in
        let padded = part.paddedColumns
        guard padded > 0 else { return }
        let split = splits + token * parts.count + index
        split.initialize(
          to: ck_split_activation(
            values: x + part.firstColumn, low: own + 2 * next, high: own + 2 * next + padded,
            large_blocks: ownNames + next / 64, high_eights: ownNames + (columns / 64 + next / 8),
            blocks: padded / 64, large: 0, eights: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0))
        kernels.split_activation(x + part.firstColumn, part.columnCount, CK_LARGE_VALUE, split)
        next += padded
      }
    }
  }

  /// One token's activation for part `index`, which takes integers.
  func split(token: Int, part index: Int) -> UnsafePointer<ck_split_activation> {
    UnsafePointer(splits + token * parts.count + index)
  }
}
