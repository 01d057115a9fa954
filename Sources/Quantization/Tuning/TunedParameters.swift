import CKernels
import Tensors

/// A tensor of the quantized model that tuning changes, and where its values lie among all that are tuned.
struct TunedTensor {
  let name: String
  let shape: Shape
  /// The type it is stored in.
  let dtype: DType
  let range: Range<Int>
  /// Its equal shares that keep to whole multiples of a number (`CommonUnit`), with that number; nil for others.
  let wholeUnits: [Float?]

  /// Ranges of at most `count` values that are rounded alike.
  fileprivate func pieces(of count: Int) -> [(range: Range<Int>, wholeUnit: Float?)] {
    let share = range.count / max(1, wholeUnits.count)
    return wholeUnits.enumerated().flatMap { index, unit in
      let end = range.lowerBound + (index + 1) * share
      return stride(from: end - share, to: end, by: count).map { ($0..<min($0 + count, end), unit) }
    }
  }
}

/// All tuned values as one long vector: `value = round(base + unit · position)`.
///
/// Positions start at 0 and are what Adam moves; a unit says how much one step of them means to a value, so that one rate
/// serves codebooks, scales and norms. Values are rounded to the type they are stored in, at every step: what is measured
/// is what will be written. Centroids in whole units stay so. The gradient passes the rounding as if it were not there.
final class TunedParameters {
  let tensors: [TunedTensor]
  private let base: FloatBuffer
  private let unit: FloatBuffer
  /// What Adam moves.
  let positions: FloatBuffer
  /// The values in use.
  let values: FloatBuffer
  /// Of the loss by the values; steps take it and leave zeros.
  let gradient: FloatBuffer
  let means: FloatBuffer
  let squares: FloatBuffer

  /// Values that are handled together.
  private static let chunk = 1 << 14

  init(_ collection: Collection) {
    tensors = collection.tensors
    base = FloatBuffer(collection.base)
    unit = FloatBuffer(collection.unit)
    values = FloatBuffer(collection.base)
    positions = FloatBuffer(count: base.count)
    gradient = FloatBuffer(count: base.count)
    means = FloatBuffer(count: base.count)
    squares = FloatBuffer(count: base.count)
  }

  var count: Int { base.count }

  /// One tensor as it will be stored.
  func tensor(_ tuned: TunedTensor) -> Tensor {
    let values = Array(UnsafeBufferPointer(start: values.base + tuned.range.lowerBound, count: tuned.range.count))
    return Tensor(values, shape: tuned.shape, dtype: tuned.dtype)
  }

  /// Sets the values of the tensors in a range (all unless given) from the positions.
  func update(_ range: Range<Int>? = nil) {
    let pieces = tensors.filter { range?.contains($0.range.lowerBound) ?? true }.flatMap { tensor in
      tensor.pieces(of: Self.chunk).map { (range: $0.range, wholeUnit: $0.wholeUnit, dtype: tensor.dtype) }
    }
    parallelFor(pieces.count) { index in
      let (range, wholeUnit, dtype) = pieces[index]
      let target = UnsafeMutableBufferPointer(start: values.base + range.lowerBound, count: range.count)
      let limit: Float = dtype == .float16 ? 65504 : 0x1.FEp127
      for i in 0..<range.count {
        let at = range.lowerBound + i
        target[i] = min(max(base.base[at] + unit.base[at] * positions.base[at], -limit), limit)
      }
      if let wholeUnit {
        for i in 0..<range.count { target[i] = wholeUnit * (target[i] / wholeUnit).rounded() }
      }
      FloatConversion.round(target, to: dtype)
    }
  }

  /// Puts the gradient by the positions in place of that by the values, and returns its norm.
  func finishGradient(_ range: Range<Int>) -> Double {
    let kernels = ck_active().pointee
    let squares = perChunk(range) { first, count in
      for index in first..<(first + count) { gradient.base[index] *= unit.base[index] }
      return Double(kernels.dot(gradient.base + first, gradient.base + first, count))
    }
    return squares.reduce(0, +).squareRoot()
  }

  /// Moves positions by one step of Adam along a finished gradient, and clears it.
  func move(_ step: ck_adam, _ range: Range<Int>) {
    let kernels = ck_active().pointee
    _ = perChunk(range) { first, count in
      withUnsafePointer(to: step) { step in
        kernels.adam(
          step, gradient.base + first, count, means.base + first, squares.base + first, positions.base + first)
      }
      (gradient.base + first).update(repeating: 0, count: count)
      return 0
    }
    update(range)
  }

  private func perChunk(
    _ range: Range<Int>, _ body: (_ first: Int, _ count: Int) -> Double
  ) -> [Double] {
    let chunks = (range.count + Self.chunk - 1) / Self.chunk
    return [Double](unsafeUninitializedCapacity: chunks) { results, initialized in
      nonisolated(unsafe) let results = results
      parallelFor(chunks) { index in
        let first = range.lowerBound + index * Self.chunk
        results.initializeElement(at: index, to: body(first, min(Self.chunk, range.upperBound - first)))
      }
      initialized = chunks
    }
  }
}

extension TunedParameters {
  /// Gathers tensors before their number is known.
  struct Collection {
    fileprivate(set) var tensors: [TunedTensor] = []
    fileprivate(set) var base: [Float] = []
    fileprivate(set) var unit: [Float] = []

    /// Values so far.
    var count: Int { base.count }

    /// Adds a tensor of `values` with their units; returns where they lie.
    ///
    /// - Parameter wholeUnits: for each of as many equal shares of it, of what its values stay whole multiples.
    mutating func add(
      _ name: String, _ values: [Float], like tensor: Tensor, unit units: [Float], wholeUnits: [Float?] = [nil]
    ) -> Range<Int> {
      precondition(values.count == units.count)
      let range = base.count..<(base.count + values.count)
      tensors.append(
        TunedTensor(name: name, shape: tensor.shape, dtype: tensor.dtype, range: range, wholeUnits: wholeUnits))
      base += values
      unit += units
      return range
    }
  }
}
