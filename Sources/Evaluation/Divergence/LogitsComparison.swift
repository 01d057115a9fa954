import Foundation
public import LanguageModels

/// What a model's logits are compared with, and where they are kept.
public struct LogitsComparison: Sendable {
  /// Where the reference comes from.
  public enum Reference: Sendable {
    /// A model that runs beside the measured one, and its digest.
    case model(any CausalLanguageModel, fingerprint: String)
    /// A file that `storePath` of an earlier run named.
    case file(String)
  }

  /// What the logits are compared with.
  public var reference: Reference?
  /// The file that keeps the logits for later comparisons.
  public var storePath: String?
  /// What the user calls the measured model.
  public var model = ""
  /// A digest of the measured model, for checkpoints and stored logits; see `ModelFingerprint`.
  public var modelFingerprint = ""

  /// No comparison.
  public init() {}

  /// What scores of windows depend on besides text and windows.
  var fingerprint: String {
    switch reference {
    case nil: "\(modelFingerprint) alone"
    case .model(_, let fingerprint): "\(modelFingerprint) \(fingerprint)"
    case .file(let path): "\(modelFingerprint) \((try? LogitsFile(path: path).header.fingerprint) ?? path) stored"
    }
  }

  func header(
    _ options: Perplexity, text: String, windows: Int, length: Int, _ configuration: ModelConfiguration
  ) -> LogitsHeader {
    LogitsHeader(
      model: model, fingerprint: modelFingerprint, text: text, vocabularySize: configuration.vocabularySize,
      context: options.context, stride: options.stride ?? options.context, beginToken: options.beginTokenID ?? -1,
      windows: windows)
  }

  func open(_ header: LogitsHeader, _ configuration: ModelConfiguration) throws -> (any ReferenceLogits)? {
    switch reference {
    case nil: return nil
    case .model(let model, _):
      guard model.configuration.vocabularySize == configuration.vocabularySize else {
        throw EvaluationError(
          .mismatch,
          "the reference has a vocabulary of \(model.configuration.vocabularySize), the model one of "
            + "\(configuration.vocabularySize); they cannot be compared")
      }
      guard header.context + (header.beginToken < 0 ? 0 : 1) <= model.configuration.maximumPositions else {
        throw EvaluationError(
          .invalidOption, "the reference takes at most \(model.configuration.maximumPositions) tokens in a window")
      }
      return ReferenceModel(model)
    case .file(let path):
      let file = try LogitsFile(path: path)
      if let difference = file.header.difference(from: header) {
        throw EvaluationError(.mismatch, "\(path) holds logits \(difference)")
      }
      return file
    }
  }

  /// What the reference is called: the name stored with its logits.
  public static func name(ofStored path: String) throws -> String { try LogitsFile(path: path).header.model }
}
