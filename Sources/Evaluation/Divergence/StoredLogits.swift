import Foundation
import JSONReader
import LanguageModels
import Tensors

/// What stored logits belong to; two runs can be compared if all of it is equal.
struct LogitsHeader: Sendable, Equatable {
  /// What the user called the model.
  var model: String
  /// Its digest.
  var fingerprint: String
  /// A digest of the ids of the whole text.
  var text: String
  var vocabularySize: Int
  var context: Int
  var stride: Int
  /// -1 for none.
  var beginToken: Int
  var windows: Int

  var json: JSONValue {
    .object([
      ("model", .string(model)), ("fingerprint", .string(fingerprint)), ("text", .string(text)),
      ("vocabulary_size", .integer(vocabularySize)), ("context", .integer(context)), ("stride", .integer(stride)),
      ("begin_token", .integer(beginToken)), ("windows", .integer(windows)),
    ])
  }

  init(
    model: String, fingerprint: String, text: String, vocabularySize: Int, context: Int, stride: Int, beginToken: Int,
    windows: Int
  ) {
    self.model = model
    self.fingerprint = fingerprint
    self.text = text
    self.vocabularySize = vocabularySize
    self.context = context
    self.stride = stride
    self.beginToken = beginToken
    self.windows = windows
  }

  init?(_ json: JSONValue) {
    guard let model = json["model"]?.stringValue, let fingerprint = json["fingerprint"]?.stringValue,
      let text = json["text"]?.stringValue, let size = json["vocabulary_size"]?.intValue,
      let context = json["context"]?.intValue, let stride = json["stride"]?.intValue,
      let begin = json["begin_token"]?.intValue, let windows = json["windows"]?.intValue
    else { return nil }
    self.init(
      model: model, fingerprint: fingerprint, text: text, vocabularySize: size, context: context, stride: stride,
      beginToken: begin, windows: windows)
  }

  /// Says what forbids comparing a run like `other` with these logits; nil if nothing does.
  func difference(from other: LogitsHeader) -> String? {
    if text != other.text { return "of another text or tokenizer" }
    if vocabularySize != other.vocabularySize {
      return "over a vocabulary of \(vocabularySize), not of \(other.vocabularySize)"
    }
    if context != other.context { return "of windows of \(context) tokens, not of \(other.context)" }
    if stride != other.stride { return "with a stride of \(stride), not of \(other.stride)" }
    if beginToken != other.beginToken {
      return beginToken < 0 ? "without a begin token before each window" : "with the begin token \(beginToken)"
    }
    if windows < other.windows { return "of only \(windows) windows; \(other.windows) are asked for" }
    return nil
  }
}

/// The layout of a file of stored logits, all numbers little-endian:
/// eight bytes `VPTQLGT1`, the length of the header (u32), the header as JSON; then for each window the length of the rest (u64),
/// its rows (u32), and for each row: kept tokens (u32), the most likely token (u32), the target's loss, the lowest kept
/// log-probability and the share of the tail (f32 each), ids of the kept tokens (u16 where the vocabulary has at most 65536,
/// else u32), their codes (u16).
enum LogitsLayout {
  static let magic = Array("VPTQLGT1".utf8)

  static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  static func encode(_ row: CompactDistribution, isNarrow: Bool, into bytes: inout [UInt8]) {
    append(UInt32(row.tokens.count), to: &bytes)
    append(UInt32(row.best), to: &bytes)
    for value in [row.targetLoss, row.lowest, row.tail] { append(value.bitPattern, to: &bytes) }
    for token in row.tokens {
      if isNarrow { append(UInt16(token), to: &bytes) } else { append(token, to: &bytes) }
    }
    for code in row.codes { append(code, to: &bytes) }
  }

  /// The rows of a window; nil if the bytes do not fit the layout.
  static func decode(_ bytes: UnsafeRawBufferPointer, vocabularySize: Int) -> [CompactDistribution]? {
    var offset = 0
    let isNarrow = vocabularySize <= 1 << 16
    func take<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
      let size = MemoryLayout<Value>.size
      guard offset + size <= bytes.count else { return nil }
      defer { offset += size }
      return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
    guard let count = take(UInt32.self), Int(count) <= bytes.count / 20 else { return nil }
    var rows: [CompactDistribution] = []
    for _ in 0..<count {
      guard let kept = take(UInt32.self), let best = take(UInt32.self), let target = take(UInt32.self),
        let lowest = take(UInt32.self), let tail = take(UInt32.self),
        Int(kept) * (isNarrow ? 4 : 6) <= bytes.count - offset
      else { return nil }
      var tokens: [UInt32] = []
      var codes: [UInt16] = []
      for _ in 0..<kept {
        guard let token = isNarrow ? take(UInt16.self).map(UInt32.init) : take(UInt32.self), token < vocabularySize
        else { return nil }
        tokens.append(token)
      }
      for _ in 0..<kept {
        guard let code = take(UInt16.self) else { return nil }
        codes.append(code)
      }
      rows.append(
        CompactDistribution(
          best: Int(best), targetLoss: Float(bitPattern: target), lowest: Float(bitPattern: lowest),
          tail: Float(bitPattern: tail), tokens: tokens, codes: codes))
    }
    return offset == bytes.count ? rows : nil
  }
}

extension CompactDistribution {
  init(best: Int, targetLoss: Float, lowest: Float, tail: Float, tokens: [UInt32], codes: [UInt16]) {
    self.best = best
    self.targetLoss = targetLoss
    self.lowest = lowest
    self.tail = tail
    self.tokens = tokens
    self.codes = codes
  }
}
