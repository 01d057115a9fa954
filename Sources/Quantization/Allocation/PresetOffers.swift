/// The shapes of codes among which `--bits` chooses, and how much distortion each leaves.
enum PresetOffers {
  /// A shape of codes.
  struct Shape {
    let vectorLength: Int
    let centroidCount: Int
    let residualCentroidCount: Int
    /// Bits of codes for each weight.
    var bits: Double {
      Double(
        centroidCount.trailingZeroBitCount
          + (residualCentroidCount > 0 ? residualCentroidCount.trailingZeroBitCount : 0)) / Double(vectorLength)
    }

    /// Time for each weight to decode one token, as a multiple of what `v4-k64-0` takes.
    ///
    /// Measured on an EPYC of the Zen 4 kind, 1536 x 576 (`Documentation/Performance.md`, Kernels): each stage costs what its table takes to look
    /// up, short vectors a little more.
    var decodeTime: Double {
      let main = centroidCount <= 128 ? 1 : 1.6
      let residual =
        switch residualCentroidCount {
        case 0: 0.0
        case ...16: 0.8
        case ...64: 0.85
        case ...128: 1.1
        default: 1.75
        }
      return main + residual + (vectorLength < 4 ? 0.25 : 0)
    }

    /// The relative error that matrices keep at this shape, as a multiple of what they keep at `v4-k256-0`.
    let distortion: Double

    init(_ vectorLength: Int, _ centroidCount: Int, _ residualCentroidCount: Int, _ distortion: Double) {
      self.vectorLength = vectorLength
      self.centroidCount = centroidCount
      self.residualCentroidCount = residualCentroidCount
      self.distortion = distortion
    }
  }

  /// The most distortion a matrix may be left with where `bits` are spent on average: what is foreseen of the loss holds for
  /// small errors only, so none may become much larger than all would be with equal shapes.
  static func distortionLimit(bits: Double) -> Double {
    let equal = shapes.filter { $0.bits <= bits }.map(\.distortion).min()
    return 2 * (equal ?? .infinity)
  }

  /// Measured on the 14 matrices of blocks 4 and 18 of SmolLM2-135M-Instruct with `Scripts/record_distortions.py`. All are
  /// codebooks of at most 256 entries, which decode from registers; larger ones are for `--preset`.
  static let shapes = [
    Shape(8, 64, 0, 5.26),
    Shape(8, 256, 0, 3.35),
    Shape(8, 64, 64, 1.84),
    Shape(8, 128, 64, 1.52),
    Shape(8, 128, 128, 1.26),
    Shape(8, 256, 4, 2.45),
    Shape(8, 256, 16, 1.73),
    Shape(8, 256, 64, 1.23),
    Shape(8, 256, 128, 1.02),
    Shape(8, 256, 256, 0.84),
    Shape(4, 16, 0, 4.38),
    Shape(4, 64, 0, 2.10),
    Shape(4, 128, 0, 1.45),
    Shape(4, 256, 0, 1.00),
    Shape(4, 64, 16, 0.62),
    Shape(4, 64, 32, 0.44),
    Shape(4, 128, 16, 0.43),
    Shape(4, 64, 64, 0.32),
    Shape(4, 128, 64, 0.23),
    Shape(4, 128, 128, 0.16),
    Shape(4, 256, 4, 0.56),
    Shape(4, 256, 8, 0.41),
    Shape(4, 256, 16, 0.30),
    Shape(4, 256, 32, 0.22),
    Shape(4, 256, 64, 0.16),
    Shape(4, 256, 128, 0.11),
    Shape(4, 256, 256, 0.0791),
    Shape(3, 64, 0, 1.16),
    Shape(3, 256, 0, 0.45),
    Shape(2, 16, 0, 1.35),
    Shape(2, 64, 0, 0.35),
    Shape(2, 256, 0, 0.0866),
    Shape(2, 256, 4, 0.0313),
    Shape(2, 256, 16, 0.0098),
  ]
}
