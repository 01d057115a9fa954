package import Tensors

/// All codebooks of one matrix: outliers, and per group a main and perhaps a residual codebook, row-major.
package struct CodebookSet: Sendable {
  /// `Ko × vo`; empty without outliers.
  package var outlier: [Float]
  /// `G` codebooks of `K × v`.
  package var main: [[Float]]
  /// `G` codebooks of `R × v`, or none.
  package var residual: [[Float]]

  /// Codebooks as given.
  package init(outlier: [Float] = [], main: [[Float]], residual: [[Float]] = []) {
    self.outlier = outlier
    self.main = main
    self.residual = residual
  }

  /// The values that are read back after storage as `type`; beyond its range the largest finite value.
  package func rounded(to type: DType) -> CodebookSet {
    CodebookSet(
      outlier: Self.rounded(outlier, to: type), main: main.map { Self.rounded($0, to: type) },
      residual: residual.map { Self.rounded($0, to: type) })
  }

  static func rounded(_ values: [Float], to type: DType) -> [Float] {
    let limit: Float = type == .float16 ? 65504 : 0x1.FEp127
    return FloatConversion.rounded(values.map { min(max($0, -limit), limit) }, to: type)
  }
}
