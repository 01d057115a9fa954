import Foundation
import JSONReader

/// What was measured of the predictions of one window, a value for each scored token in the order of the text.
struct WindowScores: Sendable, Equatable {
  /// `−log p(token)` by the model, natural logarithm.
  var losses: [Float] = []
  /// The same by the reference; empty without one.
  var referenceLosses: [Float] = []
  /// Divergence of the model from the reference, in nats; empty without one.
  var divergences: [Float] = []
  /// 1 where both models find the same token most likely, else 0; empty without a reference.
  var agreements: [Float] = []

  /// The values as base64 of little-endian float32, so that a run that is taken up again has the same bits.
  var json: JSONValue {
    .object(
      [
        ("losses", losses), ("reference_losses", referenceLosses), ("divergences", divergences),
        ("agreements", agreements),
      ]
      .filter { !$0.1.isEmpty }.map { (key: $0.0, value: .string(Self.packed($0.1))) })
  }

  /// Reads what `json` wrote; nil if it is damaged.
  init?(_ json: JSONValue) {
    func values(_ key: String) -> [Float]? {
      guard let text = json[key]?.stringValue else { return [] }
      return Self.unpacked(text)
    }
    guard let losses = values("losses"), let references = values("reference_losses"),
      let divergences = values("divergences"), let agreements = values("agreements"), !losses.isEmpty,
      [references.count, divergences.count, agreements.count].allSatisfy({ $0 == 0 || $0 == losses.count })
    else { return nil }
    self.init(losses: losses, referenceLosses: references, divergences: divergences, agreements: agreements)
  }

  init(
    losses: [Float] = [], referenceLosses: [Float] = [], divergences: [Float] = [], agreements: [Float] = []
  ) {
    self.losses = losses
    self.referenceLosses = referenceLosses
    self.divergences = divergences
    self.agreements = agreements
  }

  private static func packed(_ values: [Float]) -> String {
    var data = Data(capacity: 4 * values.count)
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
    return data.base64EncodedString()
  }

  private static func unpacked(_ text: String) -> [Float]? {
    guard let data = Data(base64Encoded: text), data.count % 4 == 0 else { return nil }
    return data.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
      }
    }
  }
}
