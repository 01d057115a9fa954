import Foundation

extension ModelDirectory {
  /// Files beside the weights that a model needs to be used, and that a rewritten model keeps as they are.
  static let companions = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json",
  ]

  /// Copies tokenizer, chat template and generation settings, as far as there are any, to another model folder.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) that names the file.
  package func copyCompanions(to folder: String) throws {
    for name in Self.companions {
      guard let data = FileManager.default.contents(atPath: url(for: name).path) else { continue }
      try AtomicFile.write([UInt8](data), to: folder + "/" + name)
    }
  }
}
