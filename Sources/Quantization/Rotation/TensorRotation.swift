import Tensors

/// What is done to one tensor so that the model as a whole computes the same in turned directions.
struct TensorRotation {
  /// Each input column is multiplied by a number, before anything is turned.
  var inputScale: [Float]?
  /// What turns runs of inputs, the first column of each run with it.
  var inputs: [(first: Int, rotation: RandomRotation)] = []
  /// Likewise for outputs; a vector's entries are outputs.
  var outputs: [(first: Int, rotation: RandomRotation)] = []
  /// All entries become this number: a norm whose weights went into the matrices behind it.
  var constant: Float?

  /// `W[rows, columns]`, or a vector as `[rows, 1]`, after all of it; sums in double precision.
  func apply(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    if let constant { return [Float](repeating: constant, count: values.count) }
    var result = values
    if inputScale != nil || !inputs.isEmpty {
      lines(&result, count: rows, length: columns, stride: 1, step: columns) { line, scratch in
        if let inputScale {
          for index in 0..<columns { line[index] *= Double(inputScale[index]) }
        }
        for (first, rotation) in inputs { rotation.apply(line + first, scratch: scratch) }
      }
    }
    if !outputs.isEmpty {
      lines(&result, count: columns, length: rows, stride: columns, step: 1) { line, scratch in
        for (first, rotation) in outputs { rotation.apply(line + first, scratch: scratch) }
      }
    }
    return result
  }

  /// Hands every row or column to `body` in double precision, and takes it back.
  private func lines(
    _ values: inout [Float], count: Int, length: Int, stride: Int, step: Int,
    _ body: (_ line: UnsafeMutablePointer<Double>, _ scratch: UnsafeMutablePointer<Double>) -> Void
  ) {
    values.withUnsafeMutableBufferPointer { values in
      nonisolated(unsafe) let values = values
      withoutActuallyEscaping(body) { body in
        nonisolated(unsafe) let body = body
        let pieces = min(count, 256)
        parallelFor(pieces) { piece in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * length) { scratch in
            guard let line = scratch.baseAddress else { return }
            for number in count * piece / pieces..<count * (piece + 1) / pieces {
              for index in 0..<length { line[index] = Double(values[number * step + index * stride]) }
              body(line, line + length)
              for index in 0..<length { values[number * step + index * stride] = Float(line[index]) }
            }
          }
        }
      }
    }
  }
}
