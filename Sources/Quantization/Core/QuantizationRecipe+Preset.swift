extension QuantizationRecipe {
  /// The recipe called `vV-kK` or `vV-kK-R`: vector length, main centroids, residual centroids (0: none).
  ///
  /// Throws `invalidRecipe` for a name of another form or numbers out of range.
  public init(preset: String) throws {
    let parts = preset.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3,
      let length = Self.number(parts[0], prefix: "v"),
      let centroids = Self.number(parts[1], prefix: "k"),
      let residuals = parts.count == 3 ? Self.number(parts[2], prefix: "") : 0
    else {
      throw QuantizationError(
        .invalidRecipe, "preset '\(preset)' is not of the form vV-kK or vV-kK-R, such as v4-k256-16 or v8-k4096")
    }
    self.init(vectorLength: length, centroidCount: centroids, residualCentroidCount: residuals)
    try validate()
  }

  private static func number(_ text: Substring, prefix: String) -> Int? {
    let digits = text.dropFirst(prefix.count)
    guard text.hasPrefix(prefix), !digits.isEmpty, digits.count <= 6, digits.allSatisfy(\.isASCII),
      digits.allSatisfy(\.isNumber)
    else { return nil }
    return Int(digits)
  }
}
