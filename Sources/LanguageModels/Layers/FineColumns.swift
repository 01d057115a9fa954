import CKernels
import Tensors

/// The columns of a matrix of bytes that have a second byte.
///
/// In the output head of a language model a few columns are ten times as large as the rest, and meet activations that are larger still: one
/// unit for a row is too coarse for them and, on their account, for all others. So that a kernel sees columns like any others, the second byte is
/// that of a further column: `w[c] = unit · (4 · first + second / 64)`, where the first meets `4 · x[c]` and the second `x[c] / 64`.
struct FineColumns {
  /// How much larger the unit of the first byte is than that of other columns.
  private static let step: Float = 4
  /// How many times the unit of the second byte goes into that of the first.
  private static let parts: Float = 256

  /// Columns of the matrix, without second bytes.
  let columns: Int
  /// Those with a second byte.
  private let places: [Int]

  /// Columns with those of second bytes, in whole eights.
  var eights: Int { Self.eights(of: columns) }
  /// The same in the blocks of 64 that activations have.
  var blocks: Int { (eights + 7) / 8 }

  /// A 32nd of the columns of `weight` `[rows, columns]`, in whole eights: those with the largest mean square.
  init(of weight: Tensor) {
    columns = weight.shape[1]
    let energies = Self.energies(weight)
    let order = energies.indices.sorted { (energies[$0], $1) > (energies[$1], $0) }
    places = order.prefix(Self.count(of: columns)).sorted()
  }

  /// The same of a matrix of so many columns.
  static func eights(of columns: Int) -> Int { (columns + count(of: columns) + 7) / 8 }

  private static func count(of columns: Int) -> Int { min(columns, max(8, columns / 32 / 8 * 8)) }

  /// Sums of squares by column, of rows here and there.
  private static func energies(_ weight: Tensor) -> [Float] {
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    let (runs, run) = (64, 16)
    var energies = [Float](repeating: 0, count: columns)
    withScratch(count: columns) { values in
      for index in 0..<runs {
        let first = index * rows / runs
        for row in first..<min(first + run, (index + 1) * rows / runs) {
          widen(weight, row: row, into: values)
          for c in 0..<columns { energies[c] += values[c] * values[c] }
        }
      }
    }
    return energies
  }

  /// Widens a row of `weight`.
  static func widen(_ weight: Tensor, row: Int, into values: UnsafeMutablePointer<Float>) {
    let columns = weight.shape[1]
    let size = columns * weight.dtype.byteCount
    weight.withUnsafeBytes { stored in
      FloatConversion.widen(
        UnsafeRawBufferPointer(rebasing: stored[(row * size)..<((row + 1) * size)]), dtype: weight.dtype,
        into: UnsafeMutableBufferPointer(start: values, count: columns))
    }
  }

  /// Writes one row as bytes, eight of them at a time to `bytes + 64 * i`; its first `columns` of `8 * eights` values are the weights and are
  /// changed. Returns its unit.
  func writeRow(
    _ values: UnsafeMutablePointer<Float>, into bytes: UnsafeMutablePointer<UInt8>, kernels: ck_kernels
  ) -> Float {
    for c in places { values[c] /= Self.step }
    for c in columns..<(8 * eights) { values[c] = 0 }
    let unit = kernels.byte_row(values, eights, bytes)
    // Units without a reciprocal have no second bytes either, and rows that are no numbers need none.
    guard unit > 1e-37 else { return unit }
    for (index, c) in places.enumerated() {
      let first = Float(Int(bytes[64 * (c / 8) + c % 8]) - 128)
      let second = ((values[c] / unit - first) * Self.parts).rounded(.toNearestOrEven)
      let place = columns + index
      bytes[64 * (place / 8) + place % 8] = UInt8(Int(max(-127, min(127, second))) + 128)
    }
    return unit
  }

  /// What `columns` activations are for all columns, those of second bytes too: `columns + count` values.
  func extend(_ x: UnsafePointer<Float>, into extended: UnsafeMutablePointer<Float>) {
    extended.update(from: x, count: columns)
    for (index, c) in places.enumerated() {
      extended[c] = Self.step * x[c]
      extended[columns + index] = Self.step / Self.parts * x[c]
    }
  }

  /// Values that `extend` writes.
  var extendedCount: Int { columns + places.count }
}
