import CKernels
import Synchronization
import Tensors

/// How codes lie for the integer kernel (see `ck_vq_planes`), and how they get there.
struct PlaneLayout {
  let paddedColumns: Int
  private let matrix: ck_vq_matrix
  private let rows: Int
  private let hasResidual: Bool
  private let isNibbles: Bool
  private let isPacked: Bool

  init(_ matrix: ck_vq_matrix, rows: Int, mainCount: Int, residualCount: Int) {
    self.matrix = matrix
    self.rows = rows
    paddedColumns = (matrix.columns + 63) / 64 * 64
    hasResidual = residualCount > 0
    isNibbles = hasResidual && residualCount <= 16
    isPacked = mainCount <= 64
  }

  /// Rows whose codes lie together.
  static let bandRows = Int(CK_BAND_ROWS)

  private var restBytesOfFour: Int { !hasResidual ? 0 : isNibbles ? 128 : 256 }
  private var mainBytesOfFour: Int { isPacked ? 192 : 256 }

  /// Bytes of a band, whose blocks have eight columns.
  var bandBytes: Int { paddedColumns / 32 * (mainBytesOfFour + restBytesOfFour) }

  private var bandCount: Int { (rows + Self.bandRows - 1) / Self.bandRows }

  /// The codes in this layout, band after band, and how often each occurs.
  func codes() -> (planes: Tensor, usage: [Int]) {
    let usage = Mutex([Int](repeating: 0, count: 1 << Int(matrix.code_bits)))
    let planes = HugePageMemory.tensor(dtype: .uint8, shape: [bandCount, bandBytes]) { bytes in
      guard let target = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      inTasks { tasked in
        var uses = [UInt32](repeating: 0, count: 1 << Int(matrix.code_bits))
        uses.withUnsafeMutableBufferPointer { uses in
          unpackBands(tasked) { band, rows, codes in
            for row in 0..<rows {
              for c in 0..<matrix.columns { uses[Int(codes[row * paddedColumns + c])] += 1 }
            }
            write(codes, to: target + band * bandBytes)
          }
        }
        usage.withLock { usage in
          for (code, count) in uses.enumerated() where count > 0 { usage[code] += Int(count) }
        }
      }
    }
    return (planes, usage.withLock { $0 })
  }

  /// The codes in this layout, band after band.
  func codesAlone() -> Tensor {
    HugePageMemory.tensor(dtype: .uint8, shape: [bandCount, bandBytes]) { bytes in
      guard let target = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      inTasks { tasked in
        unpackBands(tasked) { band, _, codes in write(codes, to: target + band * bandBytes) }
      }
    }
  }

  /// How often each code occurs, of each stage by itself.
  func stageUsage() -> StageUsage {
    let (bits, mask) = (matrix.main_bits, UInt32(1) << matrix.main_bits - 1)
    let none = StageUsage(
      mainCodes: 1 << Int(bits), residualCodes: hasResidual ? 1 << Int(matrix.code_bits - bits) : 0)
    let usage = Mutex(none)
    inTasks { tasked in
      var own = none
      unpack(tasked) { _, codes in
        for c in 0..<matrix.columns {
          own.main[Int(codes[c] & mask)] += 1
          if hasResidual { own.residual[Int(codes[c] >> bits)] += 1 }
        }
      }
      usage.withLock { $0.add(own) }
    }
    return usage.withLock { $0 }
  }

  /// The escapes of all rows, by column; nil if there are none.
  func escapes(_ escapes: CodeEscapes, vectorLength: Int) -> PlaneEscapes? {
    guard !escapes.values.isEmpty else { return nil }
    let found = Mutex([[ck_escape]](repeating: [], count: rows))
    let (bits, mask) = (escapes.lowerBits, Int(1) << Int(escapes.lowerBits) - 1)
    escapes.lower.withUnsafeBufferPointer { lower in
      escapes.upper.withUnsafeBufferPointer { upper in
        inTasks { tasked in
          var rowsFound: [(Int, [ck_escape])] = []
          unpack(tasked) { row, codes in
            var list: [ck_escape] = []
            for c in 0..<matrix.columns {
              let code = Int(codes[c])
              if let entry = lower[code & mask] { list.append(ck_escape(column: UInt16(c), entry: entry)) }
              guard !upper.isEmpty, let entry = upper[code >> Int(bits)] else { continue }
              list.append(ck_escape(column: UInt16(c), entry: entry))
            }
            if !list.isEmpty { rowsFound.append((row, list)) }
          }
          found.withLock { found in
            for (row, list) in rowsFound { found[row] = list }
          }
        }
      }
    }
    return PlaneEscapes(rows: found.withLock { $0 }, values: escapes.values, vectorLength: vectorLength)
  }

  private func inTasks(_ body: (Range<Int>) -> Void) {
    let rowsPerTask = max(64, rows / (4 * WorkerPool.shared.threadCount) / Self.bandRows * Self.bandRows)
    parallelFor((rows + rowsPerTask - 1) / rowsPerTask) { task in
      body((task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows))
    }
  }

  /// Hands over the codes of some rows, main and residual together, padded with 0.
  private func unpack(_ rows: Range<Int>, _ body: (Int, UnsafePointer<UInt32>) -> Void) {
    let kernels = ck_active().pointee
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: paddedColumns) { unpacked in
      unpacked.initialize(repeating: 0)
      guard let codes = unpacked.baseAddress else { return }
      for row in rows {
        kernels.unpack_codes(matrix.codes + row * matrix.row_stride, 0, matrix.code_bits, matrix.columns, codes)
        body(row, codes)
      }
    }
  }

  /// Hands over the codes of whole bands as far as they have rows, row after row of `paddedColumns`; what pads them is 0.
  ///
  /// - Parameter rows: some rows, the first of them the first of a band.
  private func unpackBands(_ rows: Range<Int>, _ body: (_ band: Int, _ rows: Int, UnsafePointer<UInt32>) -> Void) {
    let kernels = ck_active().pointee
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.bandRows * paddedColumns) { unpacked in
      unpacked.initialize(repeating: 0)
      guard let codes = unpacked.baseAddress else { return }
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.bandRows) {
        let count = min(Self.bandRows, rows.upperBound - first)
        for row in 0..<count {
          kernels.unpack_codes(
            matrix.codes + (first + row) * matrix.row_stride, 0, matrix.code_bits, matrix.columns,
            codes + row * paddedColumns)
        }
        if count < Self.bandRows {
          (codes + count * paddedColumns).update(repeating: 0, count: (Self.bandRows - count) * paddedColumns)
        }
        body(first / Self.bandRows, count, codes)
      }
    }
  }

  /// Writes the codes of a band, `[bandRows, paddedColumns]`.
  private func write(_ codes: UnsafePointer<UInt32>, to band: UnsafeMutablePointer<UInt8>) {
    let mainBits = matrix.main_bits
    let mask = UInt32(1) << mainBits - 1
    var target = band
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { blocks in
      for first in stride(from: 0, to: paddedColumns, by: 32) {
        for row in 0..<Self.bandRows {
          let own = codes + row * paddedColumns + first
          for c in 0..<32 { blocks[c / 8 * 64 + row * 8 + c % 8] = own[c] }
        }
        if isPacked {
          for j in 0..<64 {
            let fourth = blocks[192 + j] & mask
            for i in 0..<3 {
              let upper = fourth >> UInt32(2 * i) & 3
              target[64 * i + j] = UInt8(truncatingIfNeeded: blocks[64 * i + j] & mask | upper << 6)
            }
          }
        } else {
          for j in 0..<256 { target[j] = UInt8(truncatingIfNeeded: blocks[j] & mask) }
        }
        target += mainBytesOfFour
        guard hasResidual else { continue }
        if isNibbles {
          for j in 0..<128 {
            let own = j / 32 * 64 + j % 32
            target[j] = UInt8(truncatingIfNeeded: blocks[own] >> mainBits | (blocks[own + 32] >> mainBits) << 4)
          }
        } else {
          for j in 0..<256 { target[j] = UInt8(truncatingIfNeeded: blocks[j] >> mainBits) }
        }
        target += restBytesOfFour
      }
    }
  }
}
