import Checkpoints
public import Tokenizers

extension AutoTokenizer {
  /// The tokenizer of a model at the hub, by its name (`org/name`); what is missing in the cache is downloaded.
  ///
  /// - Throws: `CheckpointError` where the name or the download fails, `TokenizerError` where the files do.
  public static func from(pretrained name: String, revision: String? = nil) async throws -> Tokenizer {
    guard let model = HubRepository(name, revision: revision) else {
      throw CheckpointError(.notFound, "\(name) is not the name of a model; write it as org/name")
    }
    let files = HubSelection(include: [
      "tokenizer*.json", "tokenizer.model", "tekken.json", "*.tiktoken", "vocab.json", "merges.txt",
      "generation_config.json", "chat_template.jinja",
    ])
    return try Tokenizer(folder: try await HubClient(HubSettings()).pull(model, files: files).path)
  }
}
