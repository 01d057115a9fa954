public import Foundation
public import JSONReader
public import Tensors

/// A model folder in the layout of the Hugging Face hub: `config.json` and safetensors weights, in one file or in
/// shards with an index.
///
/// All headers are checked when the folder is opened; weights are read when used.
public struct ModelDirectory: TensorSource {
  /// The path as given.
  public let path: String
  /// The content of `config.json`, an object.
  public let configuration: JSONValue
  /// The content of `generation_config.json`, if there is one.
  public let generationConfiguration: JSONValue?
  /// The names of all tensors, sorted.
  public let tensorNames: [String]
  /// The length of all weight files in bytes.
  public let fileBytes: Int
  private let files: [String: SafetensorsFile]
  private let shards: [SafetensorsFile]

  /// Opens the folder. An index decides which shards belong to the model; other files are ignored.
  ///
  /// - Throws: `CheckpointError`: `missingFile` names what is absent (every missing shard), `missingTensor` a tensor
  ///   that its shard lacks, `malformedFile` a file that breaks its format or an index that leads out of the folder,
  ///   `unsupported` a folder whose weights have another format.
  public init(path: String) throws {
    self.path = path
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError(.missingFile, "there is no folder \(path)")
    }
    guard isFolder.boolValue else { throw CheckpointError(.missingFile, "\(path) is not a folder") }
    let configurationPath = folder.appendingPathComponent("config.json").path
    configuration = try JSONFile.read(configurationPath)
    guard configuration.objectValue != nil else {
      throw CheckpointError(.malformedFile, "\(configurationPath) is not a JSON object")
    }
    let generationPath = folder.appendingPathComponent("generation_config.json").path
    generationConfiguration =
      FileManager.default.fileExists(atPath: generationPath) ? try JSONFile.read(generationPath) : nil
    let weights = try Self.openWeights(folder)
    files = weights.files
    shards = weights.shards
    fileBytes = weights.shards.reduce(0) { $0 + $1.fileBytes }
    tensorNames = weights.files.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Where a file of this name is or would be in the folder.
  public func url(for name: String) -> URL {
    URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent(name)
  }

  /// Whether a tensor of this name exists.
  public func contains(_ name: String) -> Bool { files[name] != nil }

  /// The tensor of this name.
  ///
  /// - Throws: `CheckpointError`: `missingTensor`, or `malformedFile` if the file was cut since it was opened.
  public func tensor(named name: String) throws -> Tensor {
    guard let file = files[name] else {
      throw CheckpointError(.missingTensor, "\(path) has no tensor \"\(name)\"")
    }
    return try file.tensor(named: name)
  }

  /// Takes what has been read of the weights out of the process's memory; tensors stay valid and are read again when used.
  package func releasePages() {
    for shard in shards { shard.releasePages() }
  }

  private static func openWeights(
    _ folder: URL
  ) throws -> (files: [String: SafetensorsFile], shards: [SafetensorsFile]) {
    func exists(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }
    if exists(WeightFiles.single) {
      let file = try SafetensorsFile(path: folder.appendingPathComponent(WeightFiles.single).path)
      return (Dictionary(uniqueKeysWithValues: file.tensorNames.map { ($0, file) }), [file])
    }
    guard exists(WeightFiles.index) else { throw missingWeights(folder) }
    let map = try ShardIndex(path: folder.appendingPathComponent(WeightFiles.index).path).shards
    let names = Set(map.map(\.shard)).sorted()
    let missing = names.filter { !exists($0) }
    guard missing.isEmpty else {
      throw CheckpointError(.missingFile, "\(folder.path) lacks \(missing.joined(separator: ", ")), named by its index")
    }
    var shards: [String: SafetensorsFile] = [:]
    for name in names {
      shards[name] = try SafetensorsFile(path: folder.appendingPathComponent(name).path)
    }
    var files: [String: SafetensorsFile] = [:]
    for (tensor, shard) in map {
      guard let file = shards[shard], file.contains(tensor) else {
        throw CheckpointError(
          .missingTensor, "the index of \(folder.path) places \"\(tensor)\" in \(shard), which lacks it")
      }
      files[tensor] = file
    }
    return (files, Array(shards.values))
  }

  private static func missingWeights(_ folder: URL) -> CheckpointError {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    if names.contains(where: { $0.hasPrefix("pytorch_model") }) {
      return CheckpointError(
        .unsupported,
        "\(folder.path) holds its weights as pytorch_model.bin; save the model as safetensors first "
          + "(save_pretrained(..., safe_serialization=True))")
    }
    if let name = names.first(where: { $0.hasSuffix(".gguf") }) {
      return CheckpointError(.unsupported, "\(folder.path) holds \(name); convert that file to a model folder first")
    }
    return CheckpointError(
      .missingFile, "\(folder.path) has neither \(WeightFiles.single) nor \(WeightFiles.index)")
  }
}
