import Tensors
public import Tokenizers

/// Streams of tokens of which each tuning step takes a window.
public struct TuningText: Sendable {
  /// The streams; steps take them in turn.
  public let streams: [[Int]]
  /// What the user should know: replaced bytes.
  public let notices: [String]

  /// Texts, or windows that were made elsewhere.
  public init(streams: [[Int]], notices: [String] = []) {
    self.streams = streams
    self.notices = notices
  }

  /// Files of text as `CalibrationWindows` reads them, each a stream.
  ///
  /// - Throws: `QuantizationError` (`missingInput`, `badCalibration`) naming a file that is missing or empty.
  public init(files: [String], tokenizer: Tokenizer) throws {
    var notices: [String] = []
    streams = try CalibrationWindows.streams(files, tokenizer, notices: &notices)
    self.notices = notices
  }

  /// The window of `length` tokens of one draw: a function of the seed and the draw's number alone.
  func window(draw: Int, length: Int, seed: UInt64) -> [Int] {
    let stream = streams[draw % streams.count]
    let places = stream.count - length + 1
    let start = Int(CounterRandom(seed: seed, stream: 0x7ED1).uniform(at: UInt64(draw)) * Double(places))
    return Array(stream[start..<(start + length)])
  }

  /// Checks that every stream fills a window and holds only ids of the vocabulary.
  func validate(length: Int, vocabulary: Int) throws {
    guard !streams.isEmpty else {
      throw QuantizationError(.badCalibration, "there is no text to tune on; give a file with --calibration")
    }
    for (index, stream) in streams.enumerated() {
      guard stream.count >= length else {
        throw QuantizationError(
          .badCalibration,
          "text \(index + 1) of the tuning text has \(stream.count) tokens; one window needs \(length): "
            + "give more text or smaller windows")
      }
      if let bad = stream.first(where: { $0 < 0 || $0 >= vocabulary }) {
        throw QuantizationError(
          .badCalibration, "token id \(bad) of the tuning text is outside the vocabulary of \(vocabulary)")
      }
    }
  }
}
