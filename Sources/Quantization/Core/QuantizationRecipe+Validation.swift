import Tensors

extension QuantizationRecipe {
  /// Throws `invalidRecipe`, naming the option and its legal values, unless every property is in range.
  public func validate() throws {
    try check(1...1024 ~= vectorLength, "vector length \(vectorLength)", "1 to 1024")
    try check(Self.isCodebookSize(centroidCount), "centroid count \(centroidCount)", "powers of two from 2 to 65536")
    try check(
      residualCentroidCount == 0 || Self.isCodebookSize(residualCentroidCount),
      "residual centroid count \(residualCentroidCount)", "0 (none) or powers of two from 2 to 65536")
    try check(outlierPercent >= 0 && outlierPercent < 100, "outlier percent \(outlierPercent)", "0 up to below 100")
    if outlierPercent > 0 {
      try check(
        2...1024 ~= outlierVectorLength, "outlier vector length \(outlierVectorLength)",
        "2 to 1024 when the outlier percent is above 0")
      try check(
        Self.isCodebookSize(outlierCentroidCount), "outlier centroid count \(outlierCentroidCount)",
        "powers of two from 2 to 65536 when the outlier percent is above 0")
    }
    try check(1...65536 ~= groupCount, "group count \(groupCount)", "1 to 65536")
    try check(damping > 0 && damping <= 10, "damping \(damping)", "above 0 up to 10")
    try check(1...10_000 ~= kMeansIterations, "k-means iterations \(kMeansIterations)", "1 to 10000")
    try check(1...1_000_000 ~= sample, "sample \(sample)", "1 to 1000000")
    try check(0...1000 ~= jointRounds, "joint rounds \(jointRounds)", "0 to 1000")
    try check(1...65536 ~= beamWidth, "beam width \(beamWidth)", "1 to 65536")
    try check(0...1000 ~= refitRounds, "refit rounds \(refitRounds)", "0 to 1000")
    try check(0...10_000 ~= leastSquaresSteps, "least-squares steps \(leastSquaresSteps)", "0 to 10000")
    try check(0...1000 ~= descentRounds, "descent rounds \(descentRounds)", "0 to 1000")
    try check(
      storageType == .float16 || storageType == .bfloat16, "storage type \(storageType.rawValue)",
      "float16 and bfloat16")
  }

  private static func isCodebookSize(_ count: Int) -> Bool {
    2...65536 ~= count && count & (count - 1) == 0
  }

  private func check(_ isLegal: Bool, _ what: String, _ legal: String) throws {
    guard isLegal else {
      throw QuantizationError(.invalidRecipe, "\(what) is not allowed; legal values: \(legal)")
    }
  }
}
