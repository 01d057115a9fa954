import Tensors

extension GGUFFile {
  /// The bytes of the file, or of all files of a split model.
  public var fileBytes: Int { files.reduce(0) { $0 + $1.bytes.count } }

  /// Stored bits per weight of the matrices of the blocks (tensors `blk.N.….weight` of two dimensions or more), as the file has them; nil where
  /// there are none.
  public var blockBitsPerWeight: Double? {
    let matrices = tensors.filter {
      $0.name.hasPrefix("blk.") && $0.name.hasSuffix(".weight") && $0.shape.dimensions.count > 1
    }
    let weights = matrices.reduce(0) { $0 + $1.shape.elementCount }
    let bits = matrices.reduce(0) {
      $0 + $1.shape.elementCount / $1.type.blockLength * $1.type.blockBytes * 8
    }
    return weights > 0 ? Double(bits) / Double(weights) : nil
  }
}
