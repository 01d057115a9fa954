import Tensors

/// Training of a main and a residual codebook together, so that their sum fits.
enum JointTraining {
  /// `rounds` times: codes by `beamWidth`, then each codebook twice to the weighted means of what the other leaves.
  static func refine(
    main: inout [Float], residual: inout [Float], vectors: WeightedVectors, beamWidth: Int, rounds: Int
  ) {
    for _ in 0..<rounds {
      let assigner = VectorAssigner(
        main: main, residual: residual, dimension: vectors.dimension, beamWidth: beamWidth)
      let (mainCodes, residualCodes) = assign(vectors, by: assigner)
      for _ in 0..<2 {
        CentroidMeans.update(&main, vectors: vectors, codes: mainCodes, other: (residual, residualCodes))
        CentroidMeans.update(&residual, vectors: vectors, codes: residualCodes, other: (main, mainCodes))
      }
    }
  }

  /// The codes of all vectors; residual codes are empty without a residual codebook.
  static func assign(_ vectors: WeightedVectors, by assigner: VectorAssigner) -> (main: [Int32], residual: [Int32]) {
    var main = [Int32](repeating: 0, count: vectors.count)
    var residual = [Int32](repeating: 0, count: assigner.residual == nil ? 0 : vectors.count)
    let chunk = min(vectors.chunkSize, 4096)
    let d = vectors.dimension
    vectors.values.withUnsafeBufferPointer { x in
      main.withUnsafeMutableBufferPointer { main in
        residual.withUnsafeMutableBufferPointer { residual in
          guard let x = x.baseAddress, let mainCodes = main.baseAddress else { return }
          let residualCodes = residual.isEmpty ? nil : residual.baseAddress
          parallelFor((vectors.count + chunk - 1) / chunk) { index in
            let first = index * chunk
            assigner.assign(
              x + first * d, count: min(chunk, vectors.count - first), mainCodes: mainCodes + first,
              residualCodes: residualCodes.map { $0 + first })
          }
        }
      }
    }
    return (main, residual)
  }
}
