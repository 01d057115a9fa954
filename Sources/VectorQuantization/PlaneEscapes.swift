import CKernels
import Tensors

/// Where the codes of a matrix, in planes or packed, name centroids that bytes cannot say (see `ck_escapes`).
struct PlaneEscapes {
  private let starts: Tensor
  private let list: Tensor
  private let values: Tensor

  /// - Parameters:
  ///   - rows: the entries of each row, by column.
  ///   - values: `[entries, vectorLength]`, what an entry adds.
  init?(rows: [[ck_escape]], values: [Float], vectorLength: Int) {
    let count = rows.reduce(0) { $0 + $1.count }
    guard count > 0 else { return nil }
    var starts: [UInt32] = [0]
    for row in rows { starts.append(starts[starts.count - 1] + UInt32(row.count)) }
    self.starts = Tensor(bits: starts, dtype: .uint32, shape: [starts.count])
    list = Tensor(
      bits: rows.flatMap { $0.map { UInt32($0.column) | UInt32($0.entry) << 16 } }, dtype: .uint32, shape: [count])
    self.values = Tensor(values, shape: [values.count])
  }

  /// As the kernels read it; valid while this value lives.
  var view: ck_escapes { ck_escapes(starts: starts.address(), list: list.address(), values: values.address()) }
}
