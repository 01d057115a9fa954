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
    let strip = 64
    scale.withUnsafeMutableBufferPointer { scale in
      shift.withUnsafeMutableBufferPointer { shift in
        weight.withUnsafeBufferPointer { weight in
          parallelFor((inFeatures + strip - 1) / strip) { index in
            let columns = index * strip..<min((index + 1) * strip, inFeatures)
            let spread = ColumnSpread(weight, outFeatures: outFeatures, inFeatures: inFeatures, columns: columns)
            for (place, column) in columns.enumerated() {
              guard !spread.isConstant[place] else {
                shift[column] = weight[column]
                continue
              }
              scale[column] = Float((spread.squares[place] / Double(outFeatures - 1)).squareRoot())
              if CodebookSet.rounded([scale[column]], to: type)[0] == 0 { shift[column] = Float(spread.means[place]) }
            }
          }
        }
      }
    }
    self.scale = CodebookSet.rounded(scale, to: type)
    self.shift = CodebookSet.rounded(shift, to: type)
  }
}

/// How the values of some columns spread around their mean, each summed from the first row to the last.
private struct ColumnSpread {
  private(set) var means: [Double]
  /// Sums of squared differences from the mean.
  private(set) var squares: [Double]
  private(set) var isConstant: [Bool]

  init(_ weight: UnsafeBufferPointer<Float>, outFeatures: Int, inFeatures: Int, columns: Range<Int>) {
    let (count, first) = (columns.count, columns.lowerBound)
    var means = [Double](repeating: 0, count: count)
    var squares = [Double](repeating: 0, count: count)
    var isConstant = [Bool](repeating: true, count: count)
    for row in 0..<outFeatures {
      let values = UnsafeBufferPointer(rebasing: weight[row * inFeatures + first..<row * inFeatures + first + count])
      for place in 0..<count {
        means[place] += Double(values[place])
        isConstant[place] = isConstant[place] && values[place] == weight[first + place]
      }
    }
    for place in 0..<count { means[place] /= Double(outFeatures) }
    for row in 0..<outFeatures {
      let values = UnsafeBufferPointer(rebasing: weight[row * inFeatures + first..<row * inFeatures + first + count])
      for place in 0..<count {
        let difference = Double(values[place]) - means[place]
        squares[place] += difference * difference
      }
    }
    (self.means, self.squares, self.isConstant) = (means, squares, isConstant)
  }
}
