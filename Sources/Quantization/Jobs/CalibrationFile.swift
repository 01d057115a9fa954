import Checkpoints
import JSONReader
import Tensors

/// Calibration text in a job folder: `windows`, int32 `[windows, length]`.
enum CalibrationFile {
  private static let name = "windows"

  static func write(_ text: CalibrationWindows, to path: String, metadata: [String: String]) throws {
    let length = text.windows.first?.count ?? 0
    let tokens = text.windows.flatMap { $0.map(Int32.init) }
    var metadata = metadata
    metadata["notices"] = JSONValue.array(text.notices.map(JSONValue.string)).serialized(pretty: false)
    let writer = try SafetensorsWriter(
      path: path, declarations: [(name, .int32, [text.windows.count, length])], metadata: metadata)
    try writer.append(name, Tensor(bits: tokens, dtype: .int32, shape: [text.windows.count, length]))
    try writer.finish()
  }

  /// - Throws: `QuantizationError` (`badCalibration`) or what opening a damaged file throws.
  static func read(_ path: String) throws -> CalibrationWindows {
    let file = try SafetensorsFile(path: path)
    let tensor = try file.tensor(named: name)
    guard tensor.dtype == .int32, tensor.shape.rank == 2 else {
      throw QuantizationError(.badCalibration, "\(path) is not what this job writes")
    }
    let (count, length) = (tensor.shape[0], tensor.shape[1])
    let windows = tensor.withUnsafeBytes { bytes in
      (0..<count).map { window in
        (0..<length).map { Int(bytes.loadUnaligned(fromByteOffset: (window * length + $0) * 4, as: Int32.self)) }
      }
    }
    let notices = file.metadata["notices"].flatMap { try? JSONValue.parse([UInt8]($0.utf8)).arrayValue } ?? []
    return CalibrationWindows(windows: windows, notices: notices.compactMap(\.stringValue))
  }
}
