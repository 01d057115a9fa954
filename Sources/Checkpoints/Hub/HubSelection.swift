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

  /// By patterns, or else the files of a data set whose rows are read here: Parquet, JSON lines and texts, packed or not.
  public static func data(include: [String] = [], exclude: [String] = []) -> HubSelection {
    guard include.isEmpty else { return HubSelection(include: include, exclude: exclude) }
    let forms = ["parquet", "jsonl", "json", "txt"].flatMap { form in ["", ".gz", ".zst"].map { "*.\(form)\($0)" } }
    return HubSelection(anyOf: forms, exclude: exclude)
  }

  /// Whether each pattern must match a file, or one of them.
  private var needsEach = true

  /// What any of the patterns matches; they are names of the same files, or kinds of which a repository has one.
  public init(anyOf patterns: [String], exclude: [String] = []) {
    self.init(include: patterns, exclude: exclude)
    needsEach = false
  }

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
  func select(from paths: [String], of repository: HubRepository) throws -> [String] {
    let wanted = include.isEmpty ? try Self.modelFiles(among: paths, of: repository) : include
    let selected = paths.filter { path in
      wanted.contains { Self.matches(path, $0) } && !exclude.contains { Self.matches(path, $0) }
    }
    guard selected.isEmpty else { return selected }
    let asked = (include.map { "--include '\($0)'" } + exclude.map { "--exclude '\($0)'" }).joined(separator: " ")
    throw CheckpointError(.notFound, "\(repository) has no file for \(asked); it has \(Self.list(paths))")
  }

  /// Whether the files of a snapshot, wherever they came from, are all that is wanted as far as they tell themselves.
  func isComplete(_ paths: [String], folder: String) -> Bool {
    guard include.isEmpty else {
      func isThere(_ pattern: String) -> Bool { paths.contains { Self.matches($0, pattern) } }
      return (needsEach ? include.allSatisfy(isThere) : include.contains(where: isThere)) && isEverySeriesWhole(paths)
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

  /// Whether no part of a series `…-00001-of-00003…` that is wanted is missing.
  private func isEverySeriesWhole(_ paths: [String]) -> Bool {
    let names = Set(paths)
    return paths.allSatisfy { path in
      guard let place = path.range(of: #"-\d{5}-of-\d{5}"#, options: [.regularExpression, .backwards]),
        let count = Int(path[place].suffix(5)), count <= 1 << 16
      else { return true }
      func part(_ number: Int) -> String {
        path.replacingCharacters(in: place, with: String(format: "-%05d-of-%05d", number, count))
      }
      // Data sets count from 0, models from 1.
      let first = names.contains(part(count)) ? 1 : 0
      return (first..<first + count).allSatisfy { names.contains(part($0)) || !isWanted(part($0)) }
    }
  }

  private func isWanted(_ path: String) -> Bool {
    include.contains { Self.matches(path, $0) } && !exclude.contains { Self.matches(path, $0) }
  }

  private static func modelFiles(among paths: [String], of repository: HubRepository) throws -> [String] {
    let names = Set(paths)
    if names.contains(WeightFiles.single) { return modelFiles + [WeightFiles.single] }
    if names.contains(WeightFiles.index) { return modelFiles + [WeightFiles.index, "model-*-of-*.safetensors"] }
    func atTop(_ suffix: String) -> [String] { paths.filter { $0.hasSuffix(suffix) && !$0.contains("/") } }
    let others = paths.filter { $0.hasSuffix(".gguf") }
    if !others.isEmpty {
      throw CheckpointError(
        .unsupported,
        "\(repository) holds only GGUF files: choose one with vptq pull \(repository) --include FILE, and give its path as MODEL; "
          + "there are \(list(others))")
    }
    if !atTop(".safetensors").isEmpty { return modelFiles + atTop(".safetensors") }
    let dense = atTop(".bin") + atTop(".pth") + atTop(".pt")
    if !dense.isEmpty {
      throw CheckpointError(
        .unsupported,
        "\(repository) holds its weights as \(list(dense)), which are not read here: look for a model with safetensors, or "
          + "choose files with --include")
    }
    throw CheckpointError(
      .unsupported, "\(repository) holds no weights in safetensors; choose files with --include, it has \(list(paths))")
  }

  /// At most 20 of the names.
  private static func list(_ names: [String]) -> String {
    guard !names.isEmpty else { return "no files" }
    return names.prefix(20).joined(separator: ", ") + (names.count > 20 ? " and \(names.count - 20) more" : "")
  }

  private static func matches(_ path: String, _ pattern: String) -> Bool { fnmatch(pattern, path, 0) == 0 }
}
