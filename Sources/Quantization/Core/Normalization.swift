import Tensors

/// One scale and shift per input column: `W[o, i] = ŵ[o, i] · scale[i] + shift[i]`.
///
/// The scale is the standard deviation over the outputs, the shift 0. A column whose values are all equal (or differ by
/// less than the storage type can express) has scale 0 and is its shift.
package struct Normalization: Sendable, Equatable {
  /// One per input column, as stored.
  package var scale: [Float]
  /// One per input column, as stored.
  package var shift: [Float]

  /// Scales and shifts of `weight[outFeatures, inFeatures]`, rounded to `type`.
  init(weight: [Float], outFeatures: Int, inFeatures: Int, type: DType) {
    var scale = [Float](repeating: 0, count: inFeatures)
    var shift = [Float](repeating: 0, count: inFeatures)
    for column in 0..<inFeatures {
      var sum = 0.0
      var isConstant = true
      for row in 0..<outFeatures {
        let value = weight[row * inFeatures + column]
        sum += Double(value)
        isConstant = isConstant && value == weight[column]
      }
      if isConstant {
        shift[column] = weight[column]
        continue
      }
      let mean = sum / Double(outFeatures)
      var squares = 0.0
      for row in 0..<outFeatures {
        let difference = Double(weight[row * inFeatures + column]) - mean
        squares += difference * difference
      }
      scale[column] = Float((squares / Double(outFeatures - 1)).squareRoot())
      if CodebookSet.rounded([scale[column]], to: type)[0] == 0 { shift[column] = Float(mean) }
    }
    self.scale = CodebookSet.rounded(scale, to: type)
    self.shift = CodebookSet.rounded(shift, to: type)
  }
}
