public import Foundation

/// Opens the tokenizer of a model, whatever its files are.
///
/// ```swift
/// let tokenizer = try AutoTokenizer.from(modelFolder: URL(fileURLWithPath: "SmolLM2-135M-Instruct"))
/// let ids = try tokenizer.encode(text: "Hello world")
/// print(tokenizer.decode(tokens: ids))
/// ```
public enum AutoTokenizer {
  /// The tokenizer of a model folder; see `Tokenizer.init(folder:)` for the files it may have.
  public static func from(modelFolder: URL) throws -> Tokenizer { try Tokenizer(folder: modelFolder.path) }

  /// The tokenizer of a model at a hub.
  ///
  /// - Parameters:
  ///   - name: `org/name`.
  ///   - folder: gives the local folder of a model by its name, downloading it where needed.
  public static func from(
    pretrained name: String, folder: (_ name: String) async throws -> URL
  ) async throws -> Tokenizer {
    try from(modelFolder: try await folder(name))
  }
}

extension Tokenizer {
  /// The token ids of a text; see `encode(_:addSpecialTokens:parseSpecialTokens:)`.
  public func encode(text: String, addSpecialTokens: Bool = true) throws -> [Int] {
    try encode(text, addSpecialTokens: addSpecialTokens)
  }

  /// The text of token ids; see `decode(_:skipSpecialTokens:)`.
  public func decode(tokens: [Int], skipSpecialTokens: Bool = false) -> String {
    decode(tokens, skipSpecialTokens: skipSpecialTokens)
  }
}
