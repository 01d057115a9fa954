import Foundation
import JSONReader
public import Tensors

/// Writes the weights of a model folder as a stream: one `model.safetensors`, or shards with an index.
///
/// Files stay under temporary names until `finish()`, which names the shards first and the index last; a writer that
/// is dropped before, or fails, leaves nothing behind.
public final class CheckpointWriter {
  private let folder: URL
  private let declarations: [TensorDeclaration]
  private let shards: [Range<Int>]
  private let metadata: [String: String]
  private var finished: [SafetensorsWriter] = []
  private var current: SafetensorsWriter?
  private var count = 0

  /// Plans the shards; a tensor larger than `maximumShardBytes` (of data) has a shard of its own.
  ///
  /// - Throws: `CheckpointError` (`wrongDeclaration`) for a repeated name.
  public init(
    folder: String, declarations: [TensorDeclaration], maximumShardBytes: Int = 5_000_000_000,
    metadata: [String: String] = ["format": "pt"]
  ) throws {
    guard Set(declarations.map(\.0)).count == declarations.count else {
      throw CheckpointError(.wrongDeclaration, "a tensor is declared twice for \(folder)")
    }
    self.folder = URL(fileURLWithPath: folder)
    self.declarations = declarations
    self.metadata = metadata
    shards = Self.plan(declarations, maximumShardBytes)
  }

  /// Writes the next declared tensor.
  ///
  /// - Throws: `CheckpointError`: `cannotWrite`, or `wrongDeclaration` if name, type or shape differ from the
  ///   declaration.
  public func write(_ name: String, _ tensor: Tensor) throws {
    try startShardIfNeeded()
    guard let current else {
      throw CheckpointError(.wrongDeclaration, "\(folder.path): \"\(name)\" comes after the last declared tensor")
    }
    try current.append(name, tensor)
    count += 1
    if count == shards[finished.count].upperBound { try sealShard(current) }
  }

  /// Completes the checkpoint: every file takes its final name, the index last. Files of an earlier checkpoint in
  /// the same folder that would shadow this one are removed.
  ///
  /// - Throws: `CheckpointError`: `cannotWrite`, or `wrongDeclaration` if tensors are missing.
  public func finish() throws {
    guard count == declarations.count else {
      throw CheckpointError(
        .wrongDeclaration, "\(folder.path): \"\(declarations[count].0)\" was declared but not written")
    }
    if declarations.isEmpty {
      try startShardIfNeeded()
      if let current { try sealShard(current) }
    }
    for shard in finished { try shard.publish() }
    let index = folder.appendingPathComponent(WeightFiles.index)
    if shards.count > 1 {
      try JSONFile.write(indexContent(), to: index.path)
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(WeightFiles.single))
    } else {
      try? FileManager.default.removeItem(at: index)
    }
  }

  private func startShardIfNeeded() throws {
    guard current == nil, finished.count < shards.count else { return }
    current = try SafetensorsWriter(
      path: folder.appendingPathComponent(shardName(finished.count)).path,
      declarations: Array(declarations[shards[finished.count]]), metadata: metadata)
  }

  private func sealShard(_ writer: SafetensorsWriter) throws {
    try writer.seal()
    finished.append(writer)
    current = nil
  }

  private func shardName(_ index: Int) -> String {
    shards.count == 1 ? WeightFiles.single : WeightFiles.shard(index + 1, of: shards.count)
  }

  private func indexContent() -> JSONValue {
    let totalBytes = declarations.reduce(0) { $0 + $1.2.elementCount * $1.1.byteCount }
    var map: [(key: String, value: JSONValue)] = []
    for (index, shard) in shards.enumerated() {
      map += declarations[shard].map { ($0.0, .string(shardName(index))) }
    }
    return [
      "metadata": ["total_size": .integer(totalBytes)],
      "weight_map": .object(map.sorted { $0.key < $1.key }),
    ]
  }

  /// Cuts the declarations, in order, before each tensor that would make its shard too large.
  private static func plan(_ declarations: [TensorDeclaration], _ maximumBytes: Int) -> [Range<Int>] {
    var shards: [Range<Int>] = []
    var start = 0
    var bytes = 0
    for (index, declaration) in declarations.enumerated() {
      let size = declaration.2.elementCount * declaration.1.byteCount
      if index > start, bytes + size > maximumBytes {
        shards.append(start..<index)
        start = index
        bytes = 0
      }
      bytes += size
    }
    return shards + [start..<declarations.count]
  }
}
