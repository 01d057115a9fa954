import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Which files of a repository are wanted.
public struct HubSelection: Sendable {
  /// Patterns of wanted files (`*` also matches `/`); where there are none, the files that make a model.
  public let include: [String]
  /// Patterns of files that are not wanted.
  public let exclude: [String]

  /// Everything that running a model needs: configuration, tokenizer, chat template, safetensors weights.
  public static let model = HubSelection()

  /// A selection by shell patterns; one that ends with `/` means the whole folder.
  public init(include: [String] = [], exclude: [String] = []) {
    func completed(_ pattern: String) -> String { pattern.hasSuffix("/") ? pattern + "*" : pattern }
    self.include = include.map(completed)
    self.exclude = exclude.map(completed)
  }

  private static let modelFiles =
    ModelDirectory.companions + ["config.json", "vocab.txt", "chat_template.json", "additional_chat_templates/*.jinja"]

  /// The wanted ones among `paths`, in their order.
  ///
  /// - Throws: `CheckpointError`: `unsupported` if the weights have no form that is read here and no patterns were given,
  ///   `notFound` if nothing is left.
  func select(from paths: [String], of model: HubModel) throws -> [String] {
    let wanted = include.isEmpty ? try Self.modelFiles(among: paths, of: model) : include
    let selected = paths.filter { path in
      wanted.contains { Self.matches(path, $0) } && !exclude.contains { Self.matches(path, $0) }
    }
    guard selected.isEmpty else { return selected }
    let asked = (include.map { "--include '\($0)'" } + exclude.map { "--exclude '\($0)'" }).joined(separator: " ")
    throw CheckpointError(.notFound, "\(model) has no file for \(asked); it has \(Self.list(paths))")
  }

  /// Whether the files of a snapshot, wherever they came from, are all that is wanted as far as they tell themselves.
  func isComplete(_ paths: [String], folder: String) -> Bool {
    guard include.isEmpty else {
      return include.allSatisfy { pattern in paths.contains { Self.matches($0, pattern) } }
    }
    let names = Set(paths)
    func has(_ name: String) -> Bool { names.contains(name) || exclude.contains { Self.matches(name, $0) } }
    guard has("config.json") else { return false }
    if has(WeightFiles.single) { return true }
    guard names.contains(WeightFiles.index),
      let index = try? ShardIndex(path: folder + "/" + WeightFiles.index)
    else { return false }
    return index.shards.allSatisfy { has($0.shard) }
  }

  private static func modelFiles(among paths: [String], of model: HubModel) throws -> [String] {
    let names = Set(paths)
    if names.contains(WeightFiles.single) { return modelFiles + [WeightFiles.single] }
    if names.contains(WeightFiles.index) { return modelFiles + [WeightFiles.index, "model-*-of-*.safetensors"] }
    func atTop(_ suffix: String) -> [String] { paths.filter { $0.hasSuffix(suffix) && !$0.contains("/") } }
    let others = paths.filter { $0.hasSuffix(".gguf") }
    if !others.isEmpty {
      throw CheckpointError(
        .unsupported,
        "\(model) holds only GGUF files: choose one with vptq pull \(model) --include FILE, and give its path as MODEL; "
          + "there are \(list(others))")
    }
    if !atTop(".safetensors").isEmpty { return modelFiles + atTop(".safetensors") }
    let dense = atTop(".bin") + atTop(".pth") + atTop(".pt")
    if !dense.isEmpty {
      throw CheckpointError(
        .unsupported,
        "\(model) holds its weights as \(list(dense)), which are not read here: look for a model with safetensors, or "
          + "choose files with --include")
    }
    throw CheckpointError(
      .unsupported, "\(model) holds no weights in safetensors; choose files with --include, it has \(list(paths))")
  }

  /// At most 20 of the names.
  private static func list(_ names: [String]) -> String {
    guard !names.isEmpty else { return "no files" }
    return names.prefix(20).joined(separator: ", ") + (names.count > 20 ? " and \(names.count - 20) more" : "")
  }

  private static func matches(_ path: String, _ pattern: String) -> Bool { fnmatch(pattern, path, 0) == 0 }
}
