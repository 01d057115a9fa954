/// Which codebook quantizes which column, and where each column's vectors lie.
///
/// Columns are counted in storage order: `outlierCount` outlier columns, then `groupCount` groups of `groupSize`
/// (format section 5). Working matrices are transposed: column `c` occupies `stride` floats from `c * stride`, its
/// `outFeatures` weights first and zeros after them.
package struct ColumnLayout: Sendable, Equatable {
  package let outFeatures: Int
  package let inFeatures: Int
  package let vectorLength: Int
  package let outlierVectorLength: Int
  package let outlierCount: Int
  package let groupCount: Int
  package let groupSize: Int

  /// Codes per column outside the outliers (`N`).
  package var vectorRows: Int { (outFeatures + vectorLength - 1) / vectorLength }
  /// Codes per outlier column (`No`); 0 without outliers.
  package var outlierVectorRows: Int {
    outlierCount == 0 ? 0 : (outFeatures + outlierVectorLength - 1) / outlierVectorLength
  }
  /// The least number of rows that is whole vectors of both lengths.
  package var rowAlignment: Int {
    outlierCount == 0 ? vectorLength : leastCommonMultiple(vectorLength, outlierVectorLength)
  }
  /// Floats per column of a transposed working matrix.
  package var stride: Int { (outFeatures + rowAlignment - 1) / rowAlignment * rowAlignment }

  /// Rows that are worked on together, whole vectors of both lengths: fixed, so that results do not depend on threads.
  var chunkRows: Int { rowAlignment * max(1, 96 / rowAlignment) }

  /// A layout with explicit outlier and group counts; `inFeatures - outlierCount` must be a multiple of `groupCount`.
  package init(
    outFeatures: Int, inFeatures: Int, vectorLength: Int, outlierVectorLength: Int = 0, outlierCount: Int = 0,
    groupCount: Int = 1
  ) {
    precondition((inFeatures - outlierCount) % groupCount == 0)
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.vectorLength = vectorLength
    self.outlierVectorLength = outlierVectorLength
    self.outlierCount = outlierCount
    self.groupCount = groupCount
    groupSize = (inFeatures - outlierCount) / groupCount
  }

  /// The layout that `recipe` gives a matrix; surplus columns that fill no group become outliers.
  ///
  /// Throws `invalidRecipe`, naming the layer, if the matrix is too small for the recipe or does not divide.
  package init(recipe: QuantizationRecipe, outFeatures: Int, inFeatures: Int, name: String) throws {
    func refuse(_ reason: String) -> QuantizationError { QuantizationError(.invalidRecipe, "\(name): \(reason)") }
    let longest = recipe.outlierPercent > 0 ? max(recipe.vectorLength, recipe.outlierVectorLength) : recipe.vectorLength
    guard longest <= outFeatures else {
      throw refuse("vector length \(longest) exceeds the \(outFeatures) outputs; legal values: 1 to \(outFeatures)")
    }
    var outliers = 0
    if recipe.outlierPercent > 0 {
      outliers = min(inFeatures, Int((recipe.outlierPercent / 100 * Double(inFeatures)).rounded(.up)))
      outliers += (inFeatures - outliers) % recipe.groupCount
    }
    guard outliers < inFeatures, recipe.groupCount <= inFeatures - outliers else {
      throw refuse("\(recipe.groupCount) groups and \(outliers) outlier columns do not fit \(inFeatures) inputs")
    }
    guard (inFeatures - outliers) % recipe.groupCount == 0 else {
      throw refuse(
        "group count \(recipe.groupCount) does not divide \(inFeatures) inputs; choose a divisor or use outliers")
    }
    guard !recipe.permute || inFeatures <= 65536 else {
      throw refuse("a permutation of \(inFeatures) inputs cannot be stored; turn permutation off above 65536")
    }
    self.init(
      outFeatures: outFeatures, inFeatures: inFeatures, vectorLength: recipe.vectorLength,
      outlierVectorLength: outliers > 0 ? recipe.outlierVectorLength : 0, outlierCount: outliers,
      groupCount: recipe.groupCount)
  }

  /// The columns of group `group`.
  package func columns(ofGroup group: Int) -> Range<Int> {
    let first = outlierCount + group * groupSize
    return first..<first + groupSize
  }

  /// The group of column `column`, or nil for an outlier.
  package func group(ofColumn column: Int) -> Int? {
    column < outlierCount ? nil : (column - outlierCount) / groupSize
  }
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * b
}
