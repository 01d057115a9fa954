import LanguageModels

/// The second moments of one block's linear inputs.
protocol SecondMomentSource {
  /// The symmetric mean `[width, width]` of `x xᵀ`; nil where no token reached the input.
  func mean(_ input: LinearInput) throws -> [Double]?

  /// Tokens that reached the input.
  func tokens(_ input: LinearInput) throws -> Int
}
