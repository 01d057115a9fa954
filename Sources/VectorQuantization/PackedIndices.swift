import CKernels
public import Tensors

/// Codes as packed bits: rows of whole 32-bit words, least significant bit first (format section 4).
public struct PackedIndices: Sendable {
  /// Groups (`G`).
  public let groupCount: Int
  /// Rows of codes in one group (`N`).
  public let rowCount: Int
  /// Codes in one row (`g`).
  public let columnCount: Int
  /// Bits of one code, 1 … 32.
  public let codeBits: Int
  /// The words, I32 `[G, N, P]`; at least 16 bytes are readable after them.
  public let tensor: Tensor

  /// Words of one row, `ceil(columns · bits / 32)`.
  public static func wordsPerRow(columnCount: Int, codeBits: Int) -> Int { (columnCount * codeBits + 31) / 32 }

  /// Words of one row (`P`).
  public var wordsPerRow: Int { Self.wordsPerRow(columnCount: columnCount, codeBits: codeBits) }

  /// Packed words as a checkpoint stores them; `name` is the tensor's name for messages.
  ///
  /// The words stay where they are if enough readable bytes follow them, else they are copied.
  ///
  /// - Throws: `VectorQuantizationError` (`wrongType`, `wrongShape`).
  public init(
    _ tensor: Tensor, groupCount: Int, rowCount: Int, columnCount: Int, codeBits: Int, name: String
  ) throws {
    precondition(1...32 ~= codeBits, "codes have 1 to 32 bits")
    guard tensor.dtype == .int32 || tensor.dtype == .uint32 else {
      throw VectorQuantizationError(.wrongType, "\(name) has type \(tensor.dtype.rawValue); packed codes are I32")
    }
    let expected: Shape = [groupCount, rowCount, Self.wordsPerRow(columnCount: columnCount, codeBits: codeBits)]
    guard tensor.shape == expected else {
      throw VectorQuantizationError(
        .wrongShape, "\(name) has shape \(tensor.shape); the layer's settings need \(expected)")
    }
    self.groupCount = groupCount
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.codeBits = codeBits
    self.tensor = tensor.withKernelSlack()
  }

  /// Packs `codes[group, row, column]`, each below `2^codeBits`.
  public init(packing codes: [UInt32], groupCount: Int = 1, rowCount: Int, columnCount: Int, codeBits: Int) {
    precondition(1...32 ~= codeBits && codes.count == groupCount * rowCount * columnCount)
    let words = Self.wordsPerRow(columnCount: columnCount, codeBits: codeBits)
    self.groupCount = groupCount
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.codeBits = codeBits
    tensor = Tensor(dtype: .int32, shape: [groupCount, rowCount, words]) { target in
      let mask = UInt64(1) << UInt64(codeBits) - 1
      for row in 0..<(groupCount * rowCount) {
        var pending: UInt64 = 0
        var filled = 0
        var word = row * words
        for column in 0..<columnCount {
          pending |= (UInt64(codes[row * columnCount + column]) & mask) << UInt64(filled)
          filled += codeBits
          if filled >= 32 {
            target.storeBytes(
              of: UInt32(truncatingIfNeeded: pending).littleEndian, toByteOffset: word * 4, as: UInt32.self)
            pending >>= 32
            filled -= 32
            word += 1
          }
        }
        if filled > 0 {
          target.storeBytes(
            of: UInt32(truncatingIfNeeded: pending).littleEndian, toByteOffset: word * 4, as: UInt32.self)
        }
      }
    }
  }

  /// Every code, `[group, row, column]`.
  public func unpacked() -> [UInt32] {
    let rows = groupCount * rowCount
    return [UInt32](unsafeUninitializedCapacity: rows * columnCount) { target, initialized in
      initialized = rows * columnCount
      guard let base = target.baseAddress else { return }
      for row in 0..<rows { unpack(row: row, into: base + row * columnCount) }
    }
  }

  /// The codes of one of the `groupCount · rowCount` rows.
  func unpack(row: Int, into target: UnsafeMutablePointer<UInt32>) {
    tensor.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      ck_active().pointee.unpack_codes(
        base.assumingMemoryBound(to: UInt8.self) + row * wordsPerRow * 4, 0, UInt32(codeBits), columnCount, target)
    }
  }
}

extension Tensor {
  /// This tensor, or a copy of it, such that a kernel may read 16 bytes beyond its end.
  func withKernelSlack() -> Tensor {
    if readableBytesAfterEnd >= 16 { return self }
    return Tensor(dtype: dtype, shape: shape) { target in
      withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }
}

extension PackedIndices {
  /// Packs main and residual codes, each `[group, row, column]`, with the widths of `settings`.
  public init(
    main: [UInt32], residual: [UInt32]?, settings: LayerSettings, groupCount: Int = 1, rowCount: Int, columnCount: Int
  ) {
    var codes = main
    if let residual {
      precondition(residual.count == main.count, "as many residual codes as main codes")
      let shift = UInt32(settings.mainBits)
      for index in codes.indices { codes[index] |= residual[index] << shift }
    }
    self.init(
      packing: codes, groupCount: groupCount, rowCount: rowCount, columnCount: columnCount, codeBits: settings.codeBits)
  }
}
