import CKernels
import Foundation
import Testing

@testable import Tensors

@Suite("Linear algebra")
struct LinearAlgebraTests {
  @Test("The factor of the inverse satisfies A · (Uᵀ U) = I", arguments: [1, 2, 5, 33])
  func factorOfInverse(n: Int) throws {
    var random = CounterRandom(seed: 7, stream: UInt64(n))
    let b = (0..<(n * n)).map { _ in random.uniform() - 0.5 }
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n {
        a[i * n + j] = (0..<n).reduce(i == j ? 0.5 : 0) { $0 + b[i * n + $1] * b[j * n + $1] }
      }
    }
    let u = try #require(LinearAlgebra.choleskyUpperOfInverse(a, n: n))
    for i in 0..<n {
      for j in 0..<n {
        if j < i { #expect(u[i * n + j] == 0) }
        var product = 0.0
        for k in 0..<n {
          let inverse = (0..<n).reduce(0.0) { $0 + u[$1 * n + k] * u[$1 * n + j] }
          product += a[i * n + k] * inverse
        }
        #expect(abs(product - (i == j ? 1 : 0)) < 1e-9)
      }
    }
  }

  #if os(Linux) && arch(x86_64)
    @Test("The library's kernels have vectors of the machine's kind, however new the processor is")
    func libraryKernels() throws {
      let isNamed = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] != nil
      guard !isNamed, ck_kernels_for(CK_AVX2) != nil else { return }
      let name = try #require(LinearAlgebra.libraryKernels).lowercased()
      #expect(!["prescott", "core2", "nehalem", "sandybridge", "barcelona", "bulldozer"].contains(name))
    }
  #endif

  @Test("A matrix that is not positive definite has no factor")
  func notPositiveDefinite() {
    #expect(LinearAlgebra.choleskyUpperOfInverse([1, 2, 2, 1], n: 2) == nil)
  }

  @Test("Second moments of parts add up to exactly those of the whole (case Q16)", arguments: [1, 8, 47, 131, 450])
  func secondMoments(n: Int) {
    let rows = 300
    var random = CounterRandom(seed: 3)
    let x = (0..<(rows * n)).map { _ in Float(random.uniform() * 4 - 2) }
    var whole = [Double](repeating: 0, count: n * n)
    LinearAlgebra.accumulateSecondMoment(x, tokens: rows, n: n, into: &whole)
    var parts = [Double](repeating: 0, count: n * n)
    var first = 0
    for count in [1, 6, 193, 100] {
      LinearAlgebra.accumulateSecondMoment(Array(x[(first * n)...]), tokens: count, n: n, into: &parts)
      first += count
    }
    // Products of floats are exact in Double; the sums run in rising order of rows.
    var wrong = 0
    for i in 0..<n {
      for j in i..<n {
        var exact = 0.0
        for row in 0..<rows { exact += Double(x[row * n + i]) * Double(x[row * n + j]) }
        if whole[i * n + j] != exact || parts[i * n + j] != exact { wrong += 1 }
      }
    }
    #expect(wrong == 0)
  }

  @Test("The single-precision product equals the plain sum, transposed or not", arguments: [false, true])
  func product(transposed: Bool) {
    let (m, n, k) = (5, 7, 3)
    let a = (0..<(m * k)).map { Float($0 % 11) - 5 }
    let b = (0..<(k * n)).map { Float($0 % 13) - 6 }
    var c = [Float](repeating: 1, count: m * n)
    LinearAlgebra.multiplyAccumulate(
      alpha: 2, a, aStride: transposed ? m : k, transposed: transposed, b, bStride: n, into: &c, cStride: n, m: m, n: n,
      k: k)
    for i in 0..<m {
      for j in 0..<n {
        let sum = (0..<k).reduce(Float(0)) { $0 + (transposed ? a[$1 * m + i] : a[i * k + $1]) * b[$1 * n + j] }
        #expect(c[i * n + j] == 1 + 2 * sum)
      }
    }
  }

  @Test(
    "Products of matrices and transposes, written or added", arguments: [(5, 7, 3), (300, 520, 70)],
    [LinearAlgebra.Precision.float32, .bfloat16])
  func products(size: (m: Int, n: Int, k: Int), precision: LinearAlgebra.Precision) {
    let (m, n, k) = size
    var random = CounterRandom(seed: 5)
    // Exact in bfloat16.
    func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(Int(random.uniform() * 256) - 128) / 128 } }
    let (a, b, start) = (floats(m * k), floats(k * n), floats(m * n))
    func transposed(_ x: [Float], rows: Int) -> [Float] {
      let columns = x.count / rows
      return (0..<x.count).map { x[$0 % rows * columns + $0 / rows] }
    }
    let (left, right) = (FloatBuffer(a), FloatBuffer(b))
    let (leftT, rightT) = (FloatBuffer(transposed(a, rows: m)), FloatBuffer(transposed(b, rows: k)))
    for form in 0..<8 {
      var c = start
      LinearAlgebra.product(
        alpha: 0.5, form & 1 == 0 ? .init(left.base, stride: k) : .init(leftT.base, stride: m).transposed,
        form & 2 == 0 ? .init(right.base, stride: n) : .init(rightT.base, stride: k).transposed, into: &c, stride: n,
        m: m, n: n, k: k, adding: form & 4 != 0, precision: precision)
      var worst = 0.0
      for row in stride(from: 0, to: m, by: 13) {
        for column in 0..<n {
          var sum = form & 4 != 0 ? Double(start[row * n + column]) : 0
          for i in 0..<k { sum += 0.5 * Double(a[row * k + i]) * Double(b[i * n + column]) }
          worst = max(worst, abs(sum - Double(c[row * n + column])))
        }
      }
      #expect(worst < 1e-5, "form \(form)")
    }
  }
}
