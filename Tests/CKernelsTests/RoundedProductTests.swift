import CKernels
import Testing

@Suite("Products of factors rounded to bfloat16")
struct RoundedProductTests {
  @Test("alpha A B, of matrices and transposes, written or added", arguments: KernelVariant.all)
  func products(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 31)
    let depth = Int(CK_PRODUCT_DEPTH)
    for (m, n, k) in [(1, 1, 1), (5, 7, 3), (12, 32, 17), (13, 33, depth + 1), (25, 50, 2 * depth - 3)] {
      let (a, b, start) = (generator.floats(m * k), generator.floats(k * n), generator.floats(m * n + 1))
      func rounded(_ values: [Float]) -> [Double] {
        var stored = [UInt16](repeating: 0, count: values.count)
        variant.kernels.f32_to_bf16(values, &stored, values.count)
        return stored.map { Double(Float(bitPattern: UInt32($0) << 16)) }
      }
      let (left, right) = (rounded(a), rounded(b))
      withArena { arena in
        let scratch = arena.place([Float](repeating: 0, count: (m + n + 64) * depth / 2))
        for form in 0..<8 {
          let (isLeft, isRight, isAdding) = (form & 1 != 0, form & 2 != 0, form & 4 != 0)
          let c = arena.place(start, offset: 1)
          variant.kernels.product_bf16(
            arena.place(a, offset: 1), isLeft ? m : k, isLeft ? 1 : 0, arena.place(b, offset: 1), isRight ? k : n,
            isRight ? 1 : 0, 0.5, c, n, m, n, k, isAdding ? 1 : 0, scratch)
          let references = (0..<(m * n)).map { index in
            let (row, column) = index.quotientAndRemainder(dividingBy: n)
            var sum = ReferenceSum()
            if isAdding { sum.add(Double(start[index])) }
            for l in 0..<k {
              let x = left[isLeft ? l * m + row : row * k + l]
              sum.add(0.5 * x * right[isRight ? column * k + l : l * n + column])
            }
            return sum
          }
          #expect(refused(c.values(m * n), by: references) == [] && c[m * n] == start[m * n], "\(m) \(n) \(k) \(form)")
        }
      }
    }
  }
}
