import Foundation
import Tensors

/// A random orthogonal matrix `R` that is cheap to multiply with: random signs, a Hadamard transform over the power of two
/// in `width`, and an orthogonal matrix over the odd rest (incoherence processing, QuIP#, section 3; QuaRot, section 4).
///
/// `R = D (Q ⊗ H)` with `D` diagonal, `H` the normalised Walsh-Hadamard matrix of `2^k` and `Q` a Gaussian matrix made
/// orthogonal; a function of seed and stream alone.
struct RandomRotation: Sendable {
  let width: Int
  private let signs: [Double]
  /// The power of two.
  private let block: Int
  /// `Q`, row-major, `width / block` squared.
  private let mixing: [Double]

  init(width: Int, seed: UInt64, stream: UInt64) {
    precondition(width > 0, "a rotation needs a width")
    self.width = width
    block = width & -width
    var random = CounterRandom(seed: seed, stream: stream)
    signs = (0..<width).map { _ in random.next() & 1 == 0 ? 1 : -1 }
    mixing = Self.orthogonal(width / block, &random)
  }

  /// `row ← row R`; `scratch` holds `width` numbers.
  func apply(_ row: UnsafeMutablePointer<Double>, scratch: UnsafeMutablePointer<Double>) {
    for index in 0..<width { row[index] *= signs[index] }
    let factor = 1 / Double(block).squareRoot()
    let count = width / block
    for first in stride(from: 0, to: width, by: block) {
      transform(row + first)
      for index in first..<(first + block) { row[index] *= factor }
    }
    guard count > 1 else { return }
    scratch.update(repeating: 0, count: width)
    for from in 0..<count {
      for to in 0..<count {
        let weight = mixing[from * count + to]
        for index in 0..<block { scratch[to * block + index] += weight * row[from * block + index] }
      }
    }
    row.update(from: scratch, count: width)
  }

  /// The Walsh-Hadamard transform of one block, unnormalised.
  private func transform(_ values: UnsafeMutablePointer<Double>) {
    var half = 1
    while half < block {
      for start in stride(from: 0, to: block, by: 2 * half) {
        for index in start..<(start + half) {
          let (a, b) = (values[index], values[index + half])
          values[index] = a + b
          values[index + half] = a - b
        }
      }
      half *= 2
    }
  }

  /// A Gaussian matrix with its rows made orthonormal, one after the other and twice over.
  private static func orthogonal(_ size: Int, _ random: inout CounterRandom) -> [Double] {
    guard size > 1 else { return [1] }
    var rows: [[Double]] = []
    while rows.count < size {
      var row = (0..<size).map { _ in gaussian(&random) }
      for _ in 0..<2 {
        for other in rows {
          let share = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
          for index in 0..<size { row[index] -= share * other[index] }
        }
      }
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // What is left of an unlucky draw would be mostly rounding.
      guard length > 1e-3 else { continue }
      rows.append(row.map { $0 / length })
    }
    return rows.flatMap(\.self)
  }

  private static func gaussian(_ random: inout CounterRandom) -> Double {
    let radius = (-2 * log(1 - random.uniform())).squareRoot()
    return radius * cos(2 * Double.pi * random.uniform())
  }
}
