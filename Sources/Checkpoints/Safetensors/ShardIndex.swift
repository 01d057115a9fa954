import JSONReader

/// The `weight_map` of `model.safetensors.index.json`.
struct ShardIndex {
  /// Each tensor with the file name of its shard.
  let shards: [(tensor: String, shard: String)]

  /// Reads the index; a shard must be a plain file name, so that it lies in the same folder.
  init(path: String) throws {
    guard let members = try JSONFile.read(path)["weight_map"]?.objectValue else {
      throw CheckpointError(.malformedFile, "\(path) has no weight_map object")
    }
    shards = try members.map { name, value in
      guard let shard = value.stringValue else {
        throw CheckpointError(.malformedFile, "\(path): the shard of \"\(name)\" is not a string")
      }
      let isPlainName =
        !shard.isEmpty && shard != "." && shard != ".." && !shard.utf8.contains { [0, 0x2F, 0x5C].contains($0) }
      guard isPlainName else {
        throw CheckpointError(.malformedFile, "\(path) places \"\(name)\" outside of its folder, in \"\(shard)\"")
      }
      return (name, shard)
    }
  }
}
