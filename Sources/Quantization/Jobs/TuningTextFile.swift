import Checkpoints
import Tensors

/// Text for tuning in a job folder: the tokens of all streams, one behind the other, and how many each has.
enum TuningTextFile {
  static func write(_ text: TuningText, to path: String) throws {
    let tokens = text.streams.flatMap { $0.map(Int32.init) }
    let lengths = text.streams.map { Int64($0.count) }
    let writer = try SafetensorsWriter(
      path: path, declarations: [("tokens", .int32, [tokens.count]), ("lengths", .int64, [lengths.count])])
    try writer.append("tokens", Tensor(bits: tokens, dtype: .int32, shape: [tokens.count]))
    try writer.append("lengths", Tensor(bits: lengths, dtype: .int64, shape: [lengths.count]))
    try writer.finish()
  }

  /// - Throws: `QuantizationError` (`badCalibration`) or what opening a damaged file throws.
  static func read(_ path: String) throws -> TuningText {
    let file = try SafetensorsFile(path: path)
    let (tokens, lengths) = (try file.tensor(named: "tokens"), try file.tensor(named: "lengths"))
    let counts = lengths.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
    }
    guard tokens.dtype == .int32, lengths.dtype == .int64, counts.allSatisfy({ $0 >= 0 }),
      counts.reduce(0, +) == tokens.shape.elementCount
    else { throw QuantizationError(.badCalibration, "\(path) is not what this job writes") }
    var offset = 0
    let streams = tokens.withUnsafeBytes { bytes in
      counts.map { count in
        defer { offset += count }
        return (offset..<offset + count).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
      }
    }
    return TuningText(streams: streams)
  }
}
