public import Tensors

/// A GGUF file (versions 2 and 3, little-endian), mapped; its header is checked as a whole when it is opened.
///
/// A model may be split into files `NAME-00001-of-00003.gguf` …; the first one stands for all.
public struct GGUFFile: TensorSource {
  /// Where a tensor lies and how it is stored.
  public struct TensorDescription: Sendable {
    /// The name in the file, for instance `blk.0.attn_q.weight`.
    public let name: String
    /// The storage of the elements.
    public let type: GGUFTensorType
    /// The extents, outermost first (the file lists them innermost first).
    public let shape: Shape
    /// Bytes from the start of its file.
    let range: Range<Int>
    /// Which file of a split model holds it.
    var fileIndex = 0
  }

  /// The path as given.
  public let path: String
  /// All metadata values.
  public let metadata: [String: GGUFValue]
  /// All tensors, in the order of the header.
  public let tensors: [TensorDescription]
  let files: [MappedFile]
  private let indices: [String: Int]

  /// Maps the file, or all files of a split model given its first, and reads the headers.
  ///
  /// - Throws: `CheckpointError`: `malformedFile` with the path and the reason if a field contradicts the format or
  ///   the length of the file, `unsupported` for a version or tensor type that is not read, `missingFile` for an absent
  ///   part of a split model; `TensorError` if the file cannot be opened.
  public init(path: String) throws {
    self.path = path
    let (file, metadata, firstTensors) = try Self.open(path)
    var tensors = firstTensors
    self.metadata = metadata
    var files = [file]
    if let split = try GGUFSplit(path: path, metadata: metadata) {
      for (index, part) in try split.otherPaths().enumerated() {
        let (file, metadata, descriptions) = try Self.open(part)
        try split.check(metadata, index: index + 1, path: part)
        files.append(file)
        tensors += descriptions.map { description in
          var description = description
          description.fileIndex = index + 1
          return description
        }
      }
      try split.check(tensorCount: tensors.count)
    }
    self.files = files
    self.tensors = tensors
    var indices: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      guard indices.updateValue(index, forKey: tensor.name) == nil else {
        throw CheckpointError(.malformedFile, "\(path) names the tensor \"\(tensor.name)\" twice")
      }
    }
    self.indices = indices
  }

  private static func open(_ path: String) throws -> (MappedFile, [String: GGUFValue], [TensorDescription]) {
    let file = try MappedFile(path: path)
    var header = try GGUFHeader(file)
    let metadata = try header.metadata()
    return (file, metadata, try header.tensors(alignment: metadata["general.alignment"]))
  }

  /// The bytes of a range of the tensor's file.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`) if the file was cut since it was opened.
  func bytes(_ range: Range<Int>, of description: TensorDescription) throws -> UnsafeRawBufferPointer {
    let file = files[description.fileIndex]
    try file.checkLength()
    return UnsafeRawBufferPointer(rebasing: file.bytes[range])
  }

  /// What the header says about a tensor, or nil if there is none of this name.
  public func description(of name: String) -> TensorDescription? { indices[name].map { tensors[$0] } }

  /// Whether a tensor of this name exists.
  public func contains(_ name: String) -> Bool { indices[name] != nil }

  /// The tensor of this name, dequantized to F32.
  ///
  /// - Throws: `CheckpointError`: `missingTensor`, or `malformedFile` if the file was cut since it was opened.
  public func tensor(named name: String) throws -> Tensor {
    guard let description = description(of: name) else {
      throw CheckpointError(.missingTensor, "\(path) has no tensor \"\(name)\"")
    }
    return try tensor(description, as: .float32, shape: description.shape)
  }
}
