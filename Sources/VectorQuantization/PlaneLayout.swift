import CKernels
import Tensors

/// How the codes of a row lie for the integer kernel (see `ck_vq_planes`), and how they get there.
struct PlaneLayout {
  let paddedColumns: Int
  let isNibbles: Bool
  private let columns: Int
  private let hasResidual: Bool
  private let isPacked: Bool

  init(columns: Int, mainCount: Int, residualCount: Int) {
    self.columns = columns
    paddedColumns = (columns + 63) / 64 * 64
    hasResidual = residualCount > 0
    isNibbles = hasResidual && residualCount <= 16
    isPacked = mainCount <= 64
  }

  private var restBytes: Int { !hasResidual ? 0 : isNibbles ? 32 : 64 }
  private var mainBytesOfFour: Int { isPacked ? 192 : 256 }
  private var blocks: Int { paddedColumns / 64 }

  /// Bytes of a row.
  var rowBytes: Int { blocks / 4 * (mainBytesOfFour + 4 * restBytes) + blocks % 4 * (64 + restBytes) }

  /// The packed codes of `matrix` in this layout, row after row.
  func codes(_ matrix: ck_vq_matrix, rows: Int) -> Tensor {
    let kernels = ck_active().pointee
    return Tensor(dtype: .uint8, shape: [rows, rowBytes]) { bytes in
      guard let target = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      let rowsPerTask = 64
      parallelFor((rows + rowsPerTask - 1) / rowsPerTask) { task in
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: paddedColumns) { unpacked in
          unpacked.initialize(repeating: 0)
          guard let codes = unpacked.baseAddress else { return }
          for row in (task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows) {
            kernels.unpack_codes(matrix.codes + row * matrix.row_stride, 0, matrix.code_bits, columns, codes)
            write(codes, mainBits: matrix.main_bits, to: target + row * rowBytes)
          }
        }
      }
    }
  }

  private func write(_ codes: UnsafePointer<UInt32>, mainBits: UInt32, to row: UnsafeMutablePointer<UInt8>) {
    let mask = UInt32(1) << mainBits - 1
    var target = row
    var block = 0
    while block < blocks {
      let count = block + 4 <= blocks ? 4 : 1
      let four = codes + 64 * block
      if count == 4, isPacked {
        for j in 0..<64 {
          let fourth = four[192 + j] & mask
          for i in 0..<3 {
            let upper = fourth >> UInt32(2 * i) & 3
            target[64 * i + j] = UInt8(truncatingIfNeeded: four[64 * i + j] & mask | upper << 6)
          }
        }
        target += 192
      } else {
        for c in 0..<(64 * count) { target[c] = UInt8(truncatingIfNeeded: four[c] & mask) }
        target += 64 * count
      }
      for i in 0..<(hasResidual ? count : 0) {
        let own = four + 64 * i
        if isNibbles {
          for j in 0..<32 {
            target[j] = UInt8(truncatingIfNeeded: own[j] >> mainBits | (own[32 + j] >> mainBits) << 4)
          }
        } else {
          for j in 0..<64 { target[j] = UInt8(truncatingIfNeeded: own[j] >> mainBits) }
        }
        target += restBytes
      }
      block += count
    }
  }
}
