import Foundation
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

  /// Cuts text files (plain text, or `.jsonl` with a `text` field) into `samples` windows of `length` tokens.
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

  private static func text(of file: String, notices: inout [String]) throws -> String {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: file))
    } catch {
      throw QuantizationError(.missingInput, "cannot read the calibration file \(file): \(error.localizedDescription)")
    }
    guard !data.isEmpty else { throw QuantizationError(.badCalibration, "the calibration file \(file) is empty") }
    let name = file.lowercased()
    let text: String
    if name.hasSuffix(".jsonl") || name.hasSuffix(".json") {
      text = try documents(data, file: file).joined(separator: "\n\n")
    } else {
      text = String(decoding: data, as: UTF8.self)
    }
    if text.unicodeScalars.contains("\u{FFFD}"), String(validating: data, as: UTF8.self) == nil {
      notices.append("\(file) is not UTF-8 throughout; bad bytes are read as U+FFFD")
    }
    return text
  }

  private static func documents(_ data: Data, file: String) throws -> [String] {
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return try lines.enumerated().compactMap { line, bytes -> String? in
      if bytes.allSatisfy({ [0x09, 0x0D, 0x20].contains($0) }) { return nil }
      guard let text = try? JSONValue.parse([UInt8](bytes))["text"]?.stringValue else {
        throw QuantizationError(.badCalibration, "\(file), line \(line + 1): not a JSON object with a \"text\" field")
      }
      return text
    }
  }
}
