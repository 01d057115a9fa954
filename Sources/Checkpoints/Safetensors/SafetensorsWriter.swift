import JSONReader
public import Tensors

/// Name, type and shape of a tensor that will be written.
public typealias TensorDeclaration = (String, DType, Shape)

/// Writes one safetensors file as a stream: all tensors are declared first, then appended in that order, so that no
/// more than one of them need be in memory. The file takes its name in `finish()`, complete.
public final class SafetensorsWriter {
  private let declarations: [TensorDeclaration]
  private let file: TemporaryFile
  private var count = 0

  /// Starts the file and writes its header; equal arguments give equal bytes.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`, or `wrongDeclaration` for a repeated name).
  public init(path: String, declarations: [TensorDeclaration], metadata: [String: String] = [:]) throws {
    guard Set(declarations.map(\.0)).count == declarations.count else {
      throw CheckpointError(.wrongDeclaration, "a tensor is declared twice for \(path)")
    }
    self.declarations = declarations
    let (header, dataBytes) = Self.header(declarations, metadata)
    file = try TemporaryFile(path: path, expectedBytes: header.count + dataBytes)
    try header.withUnsafeBytes { try file.write($0) }
  }

  /// Appends the next declared tensor.
  ///
  /// - Throws: `CheckpointError`: `cannotWrite`, or `wrongDeclaration` if name, type or shape differ from the
  ///   declaration.
  public func append(_ name: String, _ tensor: Tensor) throws {
    guard count < declarations.count, case let (expected, dtype, shape) = declarations[count], name == expected,
      tensor.dtype == dtype, tensor.shape == shape
    else {
      throw CheckpointError(
        .wrongDeclaration,
        "\(file.path): \"\(name)\" (\(tensor.dtype.rawValue) \(tensor.shape)) "
          + "does not match the declaration of tensor \(count)"
      )
    }
    try tensor.withUnsafeBytes { try file.write($0) }
    count += 1
  }

  /// Completes the file and gives it its name.
  ///
  /// - Throws: `CheckpointError`: `cannotWrite`, or `wrongDeclaration` if tensors are missing.
  public func finish() throws {
    try seal()
    try publish()
  }

  /// Forces the bytes to the disk under the temporary name.
  func seal() throws {
    guard count == declarations.count else {
      throw CheckpointError(
        .wrongDeclaration, "\(file.path): \"\(declarations[count].0)\" was declared but not written")
    }
    try file.seal()
  }

  /// Gives the sealed file its name.
  func publish() throws {
    try file.publish()
  }

  /// The length and the JSON, padded so that the data starts at a multiple of 8 bytes, and the length of the data.
  private static func header(
    _ declarations: [TensorDeclaration], _ metadata: [String: String]
  ) -> (bytes: [UInt8], dataBytes: Int) {
    var members: [(key: String, value: JSONValue)] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSONValue.string($0.value)) }
      members.append(("__metadata__", .object(pairs)))
    }
    var offset = 0
    for (name, dtype, shape) in declarations {
      let end = offset + shape.elementCount * dtype.byteCount
      members.append(
        (
          name,
          [
            "dtype": .string(dtype.rawValue), "shape": .array(shape.dimensions.map(JSONValue.integer)),
            "data_offsets": .array([.integer(offset), .integer(end)]),
          ]
        ))
      offset = end
    }
    var json = Array(JSONValue.object(members).serialized().utf8)
    json.append(contentsOf: repeatElement(0x20, count: -json.count & 7))
    let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) }
    return (length + json, offset)
  }
}
