import Tensors

/// A tensor of the model folder and how it comes out of a GGUF file.
struct GGUFWeight {
  /// What happens to the elements on the way.
  enum Change {
    case none
    /// The rows of each of `heads` heads go from interleaved to split halves (architecture `llama`).
    case separatingRotaryHalves(heads: Int)
    /// GGUF stores the norms of Gemma as they are multiplied, the hub stores them less one.
    case minusOne
    /// One of `count` equal parts of the outermost axis: an expert of a stack.
    case part(index: Int, of: Int)
    /// Keys' part of latent attention (transposed, one matrix a head), to be joined with that of the values.
    case joiningLatentHeads(keys: Shape, values: GGUFFile.TensorDescription)
  }

  let name: String
  let shape: Shape
  let source: GGUFFile.TensorDescription
  var change = Change.none
  /// Whether the tensor stays F32 in a folder of 16-bit weights: what routing compares must not be rounded.
  var staysFloat32 = false
  /// A factor that the file keeps apart (`….scale`, beside NVFP4 weights).
  var scale: Float = 1

  /// The stored type in a folder of `dtype`.
  func dtype(_ dtype: DType) -> DType { staysFloat32 ? .float32 : dtype }

  /// The tensor, rounded to `dtype`.
  ///
  /// - Throws: `CheckpointError`: `unsupported` if a finite value lies beyond the range of F16, `malformedFile`.
  func read(_ file: GGUFFile, dtype: DType) throws -> Tensor {
    let dtype = self.dtype(dtype)
    switch change {
    case .none:
      return try file.tensor(source, as: dtype, scale: scale, shape: shape)
    case .minusOne:
      return try file.tensor(source, as: dtype, scale: scale, offset: -1, shape: shape)
    case .part(let index, let count):
      let bytes = source.range.count / count
      let start = source.range.lowerBound + index * bytes
      return try file.tensor(source, range: start..<(start + bytes), as: dtype, scale: scale, shape: shape)
    case .separatingRotaryHalves(let heads):
      return Self.separatingRotaryHalves(try file.tensor(source, as: dtype, scale: scale, shape: shape), heads: heads)
    case .joiningLatentHeads(let keys, let values):
      return try joinLatentHeads(
        try file.tensor(source, as: .float32, scale: scale, shape: keys), try file.tensor(named: values.name), dtype)
    }
  }

  /// Undoes the row order of Llama GGUFs: there the two rows that rotary embedding turns together are neighbours
  /// (2i, 2i + 1 within a head), here they lie half a head apart (i, i + headDimension / 2).
  static func separatingRotaryHalves(_ tensor: Tensor, heads: Int) -> Tensor {
    let headRows = tensor.shape[0] / heads
    let rowBytes = tensor.shape.dimensions.dropFirst().reduce(tensor.dtype.byteCount, *)
    return Tensor(dtype: tensor.dtype, shape: tensor.shape) { target in
      tensor.withUnsafeBytes { source in
        for row in 0..<tensor.shape[0] {
          let (head, place) = row.quotientAndRemainder(dividingBy: headRows)
          let origin = head * headRows + 2 * (place % (headRows / 2)) + place / (headRows / 2)
          UnsafeMutableRawBufferPointer(rebasing: target[row * rowBytes..<(row + 1) * rowBytes])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[origin * rowBytes..<(origin + 1) * rowBytes]))
        }
      }
    }
  }

  /// Keys [heads, rank, keyWidth] and values [heads, valueWidth, rank] as `kv_b_proj`: for each head the rows of its
  /// keys, then those of its values, [heads · (keyWidth + valueWidth), rank].
  private func joinLatentHeads(_ keys: Tensor, _ values: Tensor, _ dtype: DType) throws -> Tensor {
    let (heads, rank, keyWidth) = (keys.shape[0], keys.shape[1], keys.shape[2])
    let valueWidth = shape[0] / heads - keyWidth
    let (keys, values) = (try keys.floats(), try values.floats())
    var joined: [Float] = []
    joined.reserveCapacity(keys.count + values.count)
    for head in 0..<heads {
      let start = head * rank * keyWidth
      for row in 0..<keyWidth {
        for column in 0..<rank { joined.append(keys[start + column * keyWidth + row]) }
      }
      joined.append(contentsOf: values[head * valueWidth * rank..<(head + 1) * valueWidth * rank])
    }
    guard dtype != .float16 || joined.allSatisfy({ !$0.isFinite || $0.magnitude < GGUFBlocks.float16Limit }) else {
      throw GGUFFile.beyondFloat16(source)
    }
    return Tensor(joined, shape: shape, dtype: dtype)
  }
}
