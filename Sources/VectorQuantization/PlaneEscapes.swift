import CKernels
import Tensors

/// Where the codes of a matrix, in planes or packed, name centroids that bytes cannot say (see `ck_escapes`).
struct PlaneEscapes {
  private let starts: Tensor
  private let list: Tensor
  private let rows: Tensor
  private let values: Tensor

  /// - Parameters:
  ///   - rows: the entries of each row, by column.
  ///   - values: `[entries, vectorLength]`, what an entry adds; fewer than 65536 entries.
  init?(rows: [[ck_escape]], values: [Float], vectorLength: Int) {
    // What fills up a row to whole fours adds zeros.
    let nothing = UInt32(values.count / vectorLength) << 16
    let fours = rows.reduce(0) { $0 + ($1.count + 3) / 4 }
    guard fours > 0 else { return nil }
    var starts: [UInt32] = [0]
    var list: [UInt32] = []
    var rowOfFour: [UInt32] = []
    starts.reserveCapacity(rows.count + 1)
    list.reserveCapacity(4 * fours)
    rowOfFour.reserveCapacity(fours)
    for (index, row) in rows.enumerated() {
      for escape in row { list.append(UInt32(escape.column) | UInt32(escape.entry) << 16) }
      while list.count % 4 != 0 { list.append(nothing) }
      while 4 * rowOfFour.count < list.count { rowOfFour.append(UInt32(index)) }
      starts.append(UInt32(list.count))
    }
    self.starts = Tensor(bits: starts, dtype: .uint32, shape: [starts.count])
    self.list = Tensor(bits: list, dtype: .uint32, shape: [list.count])
    self.rows = Tensor(bits: rowOfFour, dtype: .uint32, shape: [fours])
    let padded = values + [Float](repeating: 0, count: vectorLength)
    self.values = Tensor(padded, shape: [padded.count])
  }

  /// As the kernels read it; valid while this value lives.
  var view: ck_escapes {
    ck_escapes(starts: starts.address(), list: list.address(), rows: rows.address(), values: values.address())
  }
}
