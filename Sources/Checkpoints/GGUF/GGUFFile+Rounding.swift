import Tensors

extension GGUFFile {
  /// A tensor, or the part of it in `range` (of whole blocks), dequantized, times `scale` plus `offset`, and rounded to `dtype`
  /// (F32, F16, BF16); only the result is in memory as a whole.
  ///
  /// - Parameter shape: the extents of the result, with as many elements as are read.
  /// - Throws: `CheckpointError`: `unsupported` if a finite value lies beyond the range of F16, or `malformedFile` if the
  ///   file was cut since it was opened.
  func tensor(
    _ description: TensorDescription, range: Range<Int>? = nil, as dtype: DType, scale: Float = 1, offset: Float = 0,
    shape: Shape
  ) throws -> Tensor {
    let range = range ?? description.range
    precondition(
      shape.elementCount == range.count / description.type.blockBytes * description.type.blockLength,
      "\(shape) does not hold the elements of \(description.name)")
    let source = try bytes(range, of: description)
    let rounding = GGUFBlocks.Rounding(dtype: dtype, scale: scale, offset: offset)
    var fits = true
    let tensor = Tensor(dtype: dtype, shape: shape) { target in
      fits = GGUFBlocks.round(source, type: description.type, rounding, into: target)
    }
    guard fits else { throw Self.beyondFloat16(description) }
    return tensor
  }

  static func beyondFloat16(_ description: TensorDescription) -> CheckpointError {
    CheckpointError(
      .unsupported, "\"\(description.name)\" has values beyond the range of F16; convert to bfloat16 instead")
  }
}
