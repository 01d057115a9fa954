public import Tensors

/// A GGUF file (versions 2 and 3, little-endian), mapped; its header is checked as a whole when it is opened.
public struct GGUFFile: TensorSource {
  /// Where a tensor lies and how it is stored.
  public struct TensorDescription: Sendable {
    /// The name in the file, for instance `blk.0.attn_q.weight`.
    public let name: String
    /// The storage of the elements.
    public let type: GGUFTensorType
    /// The extents, outermost first (the file lists them innermost first).
    public let shape: Shape
    /// Bytes from the start of the file.
    let range: Range<Int>
  }

  /// The path as given.
  public let path: String
  /// All metadata values.
  public let metadata: [String: GGUFValue]
  /// All tensors, in the order of the header.
  public let tensors: [TensorDescription]
  private let file: MappedFile
  private let indices: [String: Int]

  /// Maps the file and reads its header.
  ///
  /// - Throws: `CheckpointError`: `malformedFile` with the path and the reason if a field contradicts the format or
  ///   the length of the file, `unsupported` for a version or tensor type that is not read; `TensorError` if the file
  ///   cannot be opened.
  public init(path: String) throws {
    self.path = path
    file = try MappedFile(path: path)
    var header = try GGUFHeader(file)
    metadata = try header.metadata()
    tensors = try header.tensors(alignment: metadata["general.alignment"])
    var indices: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      guard indices.updateValue(index, forKey: tensor.name) == nil else {
        throw CheckpointError(.malformedFile, "\(path) names the tensor \"\(tensor.name)\" twice")
      }
    }
    self.indices = indices
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
    try file.checkLength()
    let source = UnsafeRawBufferPointer(rebasing: file.bytes[description.range])
    return Tensor(dtype: .float32, shape: description.shape) { target in
      GGUFBlocks.dequantize(source, type: description.type, into: target.bindMemory(to: Float.self))
    }
  }
}
