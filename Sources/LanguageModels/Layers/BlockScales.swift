import Checkpoints
import Foundation
import Tensors

/// The scales of a matrix stored as 8-bit floats in square blocks (DeepSeek-V3's `weight_scale_inv`): the weight at
/// `[i, j]` is the stored number times `scale[i / 128, j / 128]`.
struct BlockScales: Sendable {
  /// Rows and columns of a block.
  static let side = 128
  /// `[⌈rows / 128⌉, ⌈columns / 128⌉]`.
  let values: [Float]
  /// Blocks side by side.
  let columns: Int

  /// Whether a tensor is of a type that comes with block scales.
  static func apply(to tensor: Tensor) -> Bool { tensor.dtype == .float8e4m3 }

  /// The scales of `module.weight`.
  ///
  /// - Throws: `LanguageModelError` (`badTensor`) if they are missing or have the wrong shape.
  init(_ module: String, of weight: Tensor, in source: any TensorSource) throws {
    let name = module + ".weight_scale_inv"
    guard source.contains(name) else {
      throw LanguageModelError(.badTensor, "\(module).weight is \(weight.dtype.rawValue), but there is no \(name)")
    }
    let scales = try source.tensor(named: name)
    let shape = Shape(weight.shape.dimensions.map { ($0 + Self.side - 1) / Self.side })
    guard weight.shape.rank == 2, scales.shape == shape, FloatConversion.canWiden(scales.dtype) else {
      throw LanguageModelError(
        .badTensor,
        "\(name) is \(scales.dtype.rawValue) \(scales.shape); the scales of blocks of 128 x 128 of a matrix "
          + "\(weight.shape) are floating numbers \(shape)")
    }
    values = try scales.floats()
    columns = shape[1]
  }

  /// A stored matrix in float32, scaled if its type asks for it.
  static func floats(_ module: String, _ weight: Tensor, in source: any TensorSource) throws -> [Float] {
    guard apply(to: weight) else { return try weight.floats() }
    let scales = try BlockScales(module, of: weight, in: source)
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    return [Float](unsafeUninitializedCapacity: rows * columns) { buffer, initialized in
      initialized = rows * columns
      weight.withUnsafeBytes { bytes in
        for row in 0..<rows {
          scales.decode(bytes, row: row, columns: 0..<columns, stride: columns) { buffer[row * columns + $0] = $1 }
        }
      }
    }
  }

  /// Hands out the weights of one row, columns `range`, of a stored matrix of `stride` columns.
  func decode(
    _ bytes: UnsafeRawBufferPointer, row: Int, columns range: Range<Int>, stride: Int, _ take: (Int, Float) -> Void
  ) {
    Float8.e4m3.withUnsafeBufferPointer { table in
      values.withUnsafeBufferPointer { values in
        let line = row / Self.side * columns
        for column in range {
          take(column, table[Int(bytes[row * stride + column])] * values[line + column / Self.side])
        }
      }
    }
  }
}

/// The 8-bit floats with four bits of exponent and three of mantissa: no infinities, one NaN of each sign.
enum Float8 {
  /// The value of every byte.
  static let e4m3: [Float] = (0..<256).map { byte in
    let sign: Float = byte < 128 ? 1 : -1
    let (exponent, mantissa) = (byte >> 3 & 15, Float(byte & 7))
    if byte & 127 == 127 { return .nan }
    if exponent == 0 { return sign * mantissa * Float(sign: .plus, exponent: -9, significand: 1) }
    return sign * (1 + mantissa / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
  }
}
