public import Tensors

/// A safetensors file, mapped and checked as a whole; tensors are views of the mapping.
public struct SafetensorsFile: TensorSource {
  /// The path as given.
  public let path: String
  /// The strings of `__metadata__`.
  public let metadata: [String: String]
  /// The names of all tensors, in the order of their data.
  public let tensorNames: [String]
  private let file: MappedFile
  private let entries: [String: SafetensorsHeader.Entry]

  /// Maps the file and reads its header.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`) with the path and the reason if the header breaks any rule of the
  ///   format or the file is shorter or longer than it says; `TensorError` if it cannot be opened.
  public init(path: String) throws {
    self.path = path
    file = try MappedFile(path: path)
    let header = try SafetensorsHeader(file.bytes, path: path)
    metadata = header.metadata
    tensorNames = header.entries.map(\.name)
    entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
  }

  /// The length of the file in bytes.
  public var fileBytes: Int { file.bytes.count }

  /// Takes what has been read of the file out of the process's memory; tensors stay valid and are read again when used.
  package func releasePages() { file.releasePages() }

  /// Whether a tensor of this name exists.
  public func contains(_ name: String) -> Bool { entries[name] != nil }

  /// The tensor of this name.
  ///
  /// - Throws: `CheckpointError`: `missingTensor`, or `malformedFile` if the file was cut since it was opened.
  public func tensor(named name: String) throws -> Tensor {
    guard let entry = entries[name] else {
      throw CheckpointError(.missingTensor, "\(path) has no tensor \"\(name)\"")
    }
    return try file.tensor(entry.range, dtype: entry.dtype, shape: entry.shape)
  }
}
