import Foundation
import JSONReader
import LanguageModels
import Tensors

/// A reference whose logits an earlier run has stored; one window is read at a time.
final class LogitsFile: ReferenceLogits {
  let header: LogitsHeader
  private let path: String
  private let file: MappedFile
  /// Where each window's rows lie.
  private let windows: [Range<Int>]
  private var rows: [CompactDistribution] = []
  private var next = 0

  /// Opens a file and checks its layout.
  ///
  /// - Throws: `EvaluationError` (`missingFile`, `badData`) naming the file.
  init(path: String) throws {
    self.path = path
    do {
      file = try MappedFile(path: path)
    } catch let error as TensorError {
      throw EvaluationError(.missingFile, error.message)
    }
    let bytes = file.bytes
    func damaged(_ reason: String) -> EvaluationError {
      EvaluationError(.badData, "\(path) \(reason); store the logits again with --store-logits")
    }
    guard bytes.count >= 12, bytes.starts(with: LogitsLayout.magic) else {
      throw damaged("is not a file of stored logits")
    }
    let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard length <= bytes.count - 12,
      let json = try? JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[12..<(12 + length)])),
      let header = LogitsHeader(json)
    else { throw damaged("has a damaged header") }
    self.header = header
    var windows: [Range<Int>] = []
    var offset = 12 + length
    while offset < bytes.count {
      guard offset + 8 <= bytes.count else { throw damaged("is cut") }
      let size = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      guard size <= UInt64(bytes.count - offset - 8) else { throw damaged("is cut") }
      windows.append((offset + 8)..<(offset + 8 + Int(size)))
      offset += 8 + Int(size)
    }
    guard windows.count == header.windows else {
      throw damaged("is cut: it has \(windows.count) windows of \(header.windows)")
    }
    self.windows = windows
  }

  func begin(window: Int, tokens: Int) throws {
    guard windows.indices.contains(window),
      let rows = LogitsLayout.decode(
        UnsafeRawBufferPointer(rebasing: file.bytes[windows[window]]), vocabularySize: header.vocabularySize)
    else {
      throw EvaluationError(.badData, "\(path): window \(window + 1) is damaged; store the logits again")
    }
    self.rows = rows
    next = 0
  }

  func compare(tokens: [Int], with logits: Logits, targets: [Int]) throws -> [RowComparison] {
    guard next + targets.count <= rows.count else {
      throw EvaluationError(.badData, "\(path) has fewer rows in a window than the text; store the logits again")
    }
    let width = logits.vocabularySize
    let first = next
    next += targets.count
    var result = [RowComparison](repeating: RowComparison(), count: targets.count)
    result.withUnsafeMutableBufferPointer { result in
      logits.values.withUnsafeBufferPointer { values in
        guard let result = result.baseAddress, let base = values.baseAddress else { return }
        parallelFor(targets.count) { row in
          let stored = rows[first + row]
          let compared = stored.divergence(from: base + row * width, count: width)
          result[row] = RowComparison(
            referenceLoss: Double(stored.targetLoss), divergence: compared.divergence,
            agrees: stored.best == compared.best)
        }
      }
    }
    return result
  }
}
