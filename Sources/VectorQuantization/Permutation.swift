public import Tensors

/// The order in which a quantized layer stores its input columns: entry `c` is the original column at position `c`.
public struct Permutation: Sendable, Equatable {
  /// The original column of each storage column.
  public let indices: [UInt32]

  /// A permutation of `0 ..< indices.count`; `name` is for messages.
  ///
  /// - Throws: `VectorQuantizationError` (`notAPermutation`) with the first entry at fault.
  public init(_ indices: [UInt32], name: String = "perm") throws {
    var seen = [Bool](repeating: false, count: indices.count)
    for (position, index) in indices.enumerated() {
      guard Int(index) < seen.count, !seen[Int(index)] else {
        let reason = Int(index) < seen.count ? "occurs twice" : "is not below \(seen.count)"
        throw VectorQuantizationError(
          .notAPermutation, "\(name) is no permutation of the input columns: \(index) at position \(position) \(reason)"
        )
      }
      seen[Int(index)] = true
    }
    self.indices = indices
  }

  /// Reads 2-byte entries as unsigned bits and 4- or 8-byte entries as values (format section 3.2).
  ///
  /// - Throws: `VectorQuantizationError` (`wrongType`, `wrongShape`, `notAPermutation`).
  public init(reading tensor: Tensor, count: Int, name: String) throws {
    guard tensor.shape == [count] else {
      throw VectorQuantizationError(
        .wrongShape, "\(name) has shape \(tensor.shape); the layer's settings need [\(count)]")
    }
    try self.init(tensor.codes(name: name), name: name)
  }

  /// The position of each original column.
  public var inverse: [UInt32] {
    var result = [UInt32](repeating: 0, count: indices.count)
    for (position, index) in indices.enumerated() { result[Int(index)] = UInt32(position) }
    return result
  }

  /// The stored form: I16 holding unsigned bits up to 65536 columns, I64 beyond.
  public var tensor: Tensor {
    let shape: Shape = [indices.count]
    guard indices.count <= LayerSettings.centroidLimit else { return wideTensor }
    return Tensor(bits: indices.map { UInt16(truncatingIfNeeded: $0) }, dtype: .int16, shape: shape)
  }

  /// The 8-byte form of unpacked layers, I64.
  public var wideTensor: Tensor {
    Tensor(bits: indices.map { Int64($0) }, dtype: .int64, shape: [indices.count])
  }
}

extension Tensor {
  /// Integer codes: 16-bit elements of any type as unsigned bits, wider integers as values.
  package func codes(name: String) throws -> [UInt32] {
    let count = shape.elementCount
    return try withUnsafeBytes { bytes in
      switch dtype {
      case .int16, .uint16, .float16, .bfloat16:
        return (0..<count).map {
          UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self)))
        }
      case .int32, .uint32:
        return (0..<count).map {
          UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
        }
      case .int64, .uint64:
        return try (0..<count).map {
          let value = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
          guard let code = UInt32(exactly: value) else {
            throw VectorQuantizationError(.codeOutOfRange, "\(name): value \(value) at position \($0) is out of range")
          }
          return code
        }
      default:
        throw VectorQuantizationError(
          .wrongType, "\(name) has type \(dtype.rawValue); it must hold 16-, 32- or 64-bit integers")
      }
    }
  }
}
