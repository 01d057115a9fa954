import Foundation

extension ModelDirectory {
  /// Files beside the weights that a model needs to be used, and that a rewritten model keeps as they are.
  static let companions = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json",
  ]

  /// Copies tokenizer, chat templates and generation settings, as far as there are any, to another model folder.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) that names the file.
  package func copyCompanions(to folder: String) throws {
    let others = "additional_chat_templates"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: url(for: others).path)) ?? []).sorted()
    let templates = names.filter { $0.hasSuffix(".jinja") }.map { others + "/" + $0 }
    if !templates.isEmpty {
      do {
        try FileManager.default.createDirectory(atPath: folder + "/" + others, withIntermediateDirectories: true)
      } catch {
        throw CheckpointError(.cannotWrite, "\(folder)/\(others): cannot make the folder: \(error)")
      }
    }
    for name in Self.companions + templates {
      guard let data = FileManager.default.contents(atPath: url(for: name).path) else { continue }
      try AtomicFile.write([UInt8](data), to: folder + "/" + name)
    }
  }
}
