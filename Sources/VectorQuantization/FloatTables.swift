import CKernels
import Synchronization
import Tensors

/// The codes of a part with its centroids in float32, as kernels read them. The tables are made when they are first asked for.
final class FloatTables: @unchecked Sendable {
  /// The codes without any centroid.
  let codesAlone: ck_vq_matrix
  private let codes: Tensor
  private let tables: @Sendable () -> (main: PaddedTable, residual: PaddedTable?)
  private let made = Mutex<Made?>(nil)

  /// The pointers in `matrix` lead into `memory` and the codes.
  private struct Made: @unchecked Sendable {
    let matrix: ck_vq_matrix
    let memory: [Tensor]
  }

  /// Codes of `codeBits` bits, in rows of `rowBytes` bytes from `offset` on.
  init(
    codes: Tensor, offset: Int, rowBytes: Int, columns: Int, codeBits: Int, mainBits: Int, vectorLength: Int,
    tables: @escaping @Sendable () -> (main: PaddedTable, residual: PaddedTable?)
  ) {
    self.codes = codes
    self.tables = tables
    // An empty tensor cannot occur: every layer has at least one row, one column and two centroids.
    codesAlone = ck_vq_matrix(
      codes: codes.address(as: UInt8.self) + offset, row_stride: rowBytes, columns: columns,
      code_bits: UInt32(codeBits), main_bits: UInt32(mainBits), vector_length: UInt32(vectorLength), table_stride: 0,
      table: Self.noTable, residual_table: nil)
  }

  /// What stands for a table that no kernel reads.
  nonisolated(unsafe) private static let noTable = UnsafePointer(UnsafeMutablePointer<Float>.allocate(capacity: 1))

  func withMatrix(_ body: (UnsafePointer<ck_vq_matrix>) -> Void) {
    let whole = made.withLock { made in
      if let made { return made }
      let (main, residual) = tables()
      var matrix = codesAlone
      matrix.table_stride = UInt32(main.stride)
      matrix.table = main.address
      matrix.residual_table = residual.map(\.address)
      let new = Made(matrix: matrix, memory: [main.tensor] + (residual.map { [$0.tensor] } ?? []))
      made = new
      return new
    }
    withUnsafePointer(to: whole.matrix, body)
    withExtendedLifetime(whole) {}
  }
}

/// The centroids of one group in float32, each padded with zeros to a multiple of four values.
struct PaddedTable {
  let tensor: Tensor
  let vectorLength: Int
  let stride: Int
  let count: Int

  init(_ book: Codebook, group: Int) {
    let values = book.floats(group: group)
    self.init(count: book.count, vectorLength: book.vectorLength) { target in
      for k in 0..<book.count {
        for e in 0..<book.vectorLength { target[k, e] = values[k * book.vectorLength + e] }
      }
    }
  }

  private init(count: Int, vectorLength: Int, fillingWith fill: (inout PaddedRows) -> Void) {
    self.count = count
    self.vectorLength = vectorLength
    let stride = (vectorLength + 3) / 4 * 4
    self.stride = stride
    tensor = Tensor(dtype: .float32, shape: [count, stride]) { bytes in
      var rows = PaddedRows(values: bytes.bindMemory(to: Float.self), stride: stride)
      fill(&rows)
    }
  }

  var address: UnsafePointer<Float> { tensor.address() }

  /// The sums of all pairs; the sum of `main` and `residual` is entry `main | residual << mainBits`.
  func joined(with residual: PaddedTable, mainBits: Int) -> PaddedTable {
    PaddedTable(count: residual.count << mainBits, vectorLength: vectorLength) { target in
      for r in 0..<residual.count {
        for k in 0..<count {
          for e in 0..<vectorLength {
            target[r << mainBits | k, e] = address[k * stride + e] + residual.address[r * stride + e]
          }
        }
      }
    }
  }
}

/// Rows of `stride` values.
private struct PaddedRows {
  let values: UnsafeMutableBufferPointer<Float>
  let stride: Int

  subscript(row: Int, column: Int) -> Float {
    get { values[row * stride + column] }
    nonmutating set { values[row * stride + column] = newValue }
  }
}
