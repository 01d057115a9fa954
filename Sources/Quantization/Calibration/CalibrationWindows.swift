import DataFiles
import JSONReader
public import Tokenizers

/// Windows of token ids on which a quantizer measures what each matrix sees.
public struct CalibrationWindows: Sendable {
  /// Windows of equal length.
  public let windows: [[Int]]
  /// What the user should know: replaced bytes, little text.
  public let notices: [String]

  /// Windows that were made elsewhere, for instance sampled from the model itself.
  public init(windows: [[Int]], notices: [String] = []) {
    self.windows = windows
    self.notices = notices
  }

  /// Cuts files of text (plain, or rows with a `text` field: `.jsonl`, `.json`, `.parquet`; packed by gzip or Zstandard or
  /// not) into `samples` windows of `length` tokens.
  ///
  /// The windows are spread evenly over the tokens of all files. Bytes that are not UTF-8 are replaced, and a notice
  /// says so.
  /// - Throws: `QuantizationError` (`badCalibration`) naming a file that is missing or empty, or if all files together
  ///   do not fill one window.
  public init(files: [String], tokenizer: Tokenizer, samples: Int, length: Int) throws {
    var notices: [String] = []
    let streams = try Self.streams(files, tokenizer, notices: &notices)
    let available = streams.reduce(0) { $0 + $1.count / length }
    guard available > 0 else {
      let tokens = streams.reduce(0) { $0 + $1.count }
      throw QuantizationError(
        .badCalibration,
        "the calibration text has \(tokens) tokens; one window needs \(length): give more text or a smaller --sequence-length"
      )
    }
    if available < samples {
      notices.append(
        "the calibration text fills \(available) windows of \(length) tokens, not \(samples); all are used")
    }
    let wanted = min(samples, available)
    let slots = streams.flatMap { stream in
      (0..<(stream.count / length)).map { stream[($0 * length)..<(($0 + 1) * length)] }
    }
    windows = (0..<wanted).map { Array(slots[$0 * slots.count / wanted]) }
    self.notices = notices
  }

  /// The number of tokens in all windows.
  public var tokenCount: Int { windows.reduce(0) { $0 + $1.count } }

  /// The tokens of each file.
  static func streams(_ files: [String], _ tokenizer: Tokenizer, notices: inout [String]) throws -> [[Int]] {
    try files.map { try tokenizer.encode(text(of: $0, notices: &notices), addSpecialTokens: false) }
  }

  private static func text(of path: String, notices: inout [String]) throws -> String {
    let file = DataFile(path: path)
    do {
      guard file.form == .text else { return try rows(file).joined(separator: "\n\n") }
      let bytes = try file.bytes()
      guard !bytes.isEmpty else { throw QuantizationError(.badCalibration, "the calibration file \(path) is empty") }
      let text = String(decoding: bytes, as: UTF8.self)
      if text.unicodeScalars.contains("\u{FFFD}"), String(validating: bytes, as: UTF8.self) == nil {
        notices.append("\(path) is not UTF-8 throughout; bad bytes are read as U+FFFD")
      }
      return text
    } catch let error as DataFileError {
      let code = error.code == .missingFile ? QuantizationError.Code.missingInput : .badCalibration
      throw QuantizationError(code, "cannot read the calibration file: \(error.message)")
    }
  }

  /// The `text` fields of a file of rows.
  private static func rows(_ file: DataFile) throws -> [String] {
    var texts: [String] = []
    try file.forEach(fields: file.form == .parquet ? ["text"] : nil) { row, place in
      guard let text = row["text"]?.stringValue else {
        throw QuantizationError(.badCalibration, "\(place): there is no \"text\"")
      }
      texts.append(text)
      return true
    }
    guard !texts.isEmpty else { throw QuantizationError(.badCalibration, "the calibration file \(file.path) is empty") }
    return texts
  }
}
