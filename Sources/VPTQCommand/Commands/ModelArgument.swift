import ArgumentParser
import Checkpoints
import Foundation
import LanguageModels
import Tokenizers

/// How a command opens what the user calls MODEL.
enum ModelArgument {
  /// The folder of a model; a GGUF file is converted into the cache first, a name like `org/name` where no such path
  /// exists is pulled from the hub.
  ///
  /// - Throws: `Failure` with exit code 66 if nothing is there, or what pulling or opening the folder throws.
  static func folder(_ path: String, quiet: Bool = false) async throws -> ModelDirectory {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      if let name = HubRepository(path), !path.lowercased().hasSuffix(".gguf") {
        return try await pulled(name, quiet: quiet)
      }
      throw Failure(exit: .missingInput, code: "missingInput", message: "there is no model at \(path)")
    }
    if !isFolder.boolValue, path.lowercased().hasSuffix(".gguf") {
      return try ModelDirectory(path: ConvertedModels.folder(of: path, quiet: quiet))
    }
    return try ModelDirectory(path: path)
  }

  /// The model and its folder.
  static func load(
    _ path: String, quiet: Bool = false, options: RuntimeOptions = RuntimeOptions()
  ) async throws -> (model: any CausalLanguageModel, folder: ModelDirectory) {
    let folder = try await folder(path, quiet: quiet)
    let model = try ModelRegistry.load(folder, options: options)
    if !quiet, let residency = model.residency { Console.writeError("note: \(residency.notice)") }
    return (model, folder)
  }

  private static func pulled(_ name: HubRepository, quiet: Bool) async throws -> ModelDirectory {
    do {
      return try ModelDirectory(path: await HubDownload.pull(name, quiet: quiet).path)
    } catch let error as CheckpointError where [.notFound, .unreachable].contains(error.code) {
      var failure = Failure(error)
      failure.hint = "there is no folder \(name) here either"
      throw failure
    }
  }

  /// The tokenizer of a folder.
  ///
  /// - Throws: `Failure` with exit code 66 if the folder has none.
  static func tokenizer(_ folder: ModelDirectory) throws -> Tokenizer {
    guard Tokenizer.isPresent(inFolder: folder.path) else {
      throw Failure(
        exit: .missingInput, code: "noTokenizer", message: "\(folder.path) has no tokenizer.json",
        hint: "give token ids instead, for instance with --prompt-ids 1,2,3")
    }
    return try Tokenizer(folder: folder.path)
  }

  /// The tokenizer of what the user calls MODEL, or of a tokenizer file.
  ///
  /// - Throws: `Failure` with exit code 66 if there is none, or what opening it throws.
  static func tokenizer(at path: String, quiet: Bool) async throws -> Tokenizer {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if exists, !isFolder.boolValue, !path.lowercased().hasSuffix(".gguf") { return try Tokenizer(file: path) }
    // A folder with a tokenizer alone is enough here.
    if exists, isFolder.boolValue, Tokenizer.isPresent(inFolder: path) { return try Tokenizer(folder: path) }
    return try tokenizer(await folder(path, quiet: quiet))
  }
}

/// Checks, before any work, that a command may write to a folder and can.
enum OutputArgument {
  /// - Throws: `Failure` with exit code 73 if the folder holds a model and `force` is off, or if it cannot be made or
  ///   written.
  static func check(_ path: String, force: Bool) throws {
    let files = FileManager.default
    try checkWritable(path)
    if files.fileExists(atPath: path + "/config.json"), !force {
      throw Failure(
        exit: .cannotWrite, code: "outputExists", message: "\(path) already holds a model",
        hint: "give another -o, or --force to replace it")
    }
  }

  /// - Throws: `Failure` with exit code 64 if the folder is one of those that are read.
  static func check(_ path: String, isNot sources: [ModelDirectory]) throws {
    func place(_ path: String) -> String {
      URL(fileURLWithPath: path, isDirectory: true).resolvingSymlinksInPath().standardizedFileURL.path
    }
    guard sources.contains(where: { place($0.path) == place(path) }) else { return }
    throw Failure(
      exit: .usage, code: "badOption", message: "the output \(path) is one of the models that are read",
      hint: "give another -o")
  }

  /// Asks the nearest folder that exists.
  private static func checkWritable(_ path: String) throws {
    var folder = URL(fileURLWithPath: path).standardizedFileURL
    while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path) { folder.deleteLastPathComponent() }
    // A trailing slash makes the system refuse what is no folder.
    guard access(folder.path + "/", W_OK | X_OK) != 0 else { return }
    throw Failure(
      exit: .cannotWrite, code: "cannotWrite",
      message: "cannot write \(path): \(folder.path): \(String(cString: strerror(errno)))", hint: "give another -o")
  }
}
