import CKernels
import Testing

/// One instruction set whose kernels this machine can run.
struct KernelVariant: Sendable, CustomTestStringConvertible {
  let isa: ck_isa

  /// The portable kernels and all others that this build and machine have.
  static let all: [KernelVariant] = [
    CK_PORTABLE, CK_AVX2, CK_AVX_VNNI, CK_AVX512, CK_AVX512_VNNI, CK_AVX512_VBMI, CK_AMX, CK_NEON, CK_NEON_DOTPROD,
  ]
  .filter { ck_kernels_for($0) != nil }
  .map(KernelVariant.init)

  var kernels: ck_kernels {
    guard let table = ck_kernels_for(isa) else { preconditionFailure("only available variants are listed") }
    return table.pointee
  }

  var testDescription: String { String(cString: kernels.name) }
}

/// Sizes around the widths of vectors and of unrolled loops.
let oddSizes = [1, 3, 7, 15, 16, 17, 31, 33, 63, 65, 100, 257]

/// Memory that lives until the end of `withArena`, at chosen distances from its alignment.
final class Arena {
  private var blocks: [UnsafeMutableRawPointer] = []

  /// A copy of `values` that starts `offset` elements after a multiple of 64 bytes and is followed by `slack` zeros.
  func place<Value: Numeric>(_ values: [Value], offset: Int = 0, slack: Int = 0) -> UnsafeMutablePointer<Value> {
    let count = values.count + offset + slack
    let bytes = max(1, count * MemoryLayout<Value>.stride)
    let block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    blocks.append(block)
    let start = block.bindMemory(to: Value.self, capacity: count)
    start.initialize(repeating: 0, count: count)
    for (index, value) in values.enumerated() { start[offset + index] = value }
    return start + offset
  }

  fileprivate func free() { blocks.forEach { $0.deallocate() } }
}

func withArena<Result>(_ body: (Arena) throws -> Result) rethrows -> Result {
  let arena = Arena()
  defer { arena.free() }
  return try body(arena)
}

extension UnsafeMutablePointer where Pointee: Numeric {
  func values(_ count: Int) -> [Pointee] { Array(UnsafeBufferPointer(start: self, count: count)) }
}

/// SplitMix64, so that every run sees the same numbers.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}

/// A sum of products in double precision, and how far a float32 sum of the same terms in any order may lie from it.
struct ReferenceSum {
  private(set) var value = 0.0
  private var magnitude = 0.0
  private var terms = 0.0

  mutating func add(_ term: Double) {
    value += term
    magnitude += abs(term)
    terms += 1
  }

  /// Every term takes part in at most `terms` additions and two more roundings, each off by half a unit in the last
  /// place (2^-24 relative).
  func accepts(_ result: Float) -> Bool {
    abs(Double(result) - value) <= (terms + 2) * 0x1p-24 * magnitude + Double(Float.leastNonzeroMagnitude)
  }
}

/// The positions of results that their reference does not accept.
func refused(_ results: [Float], by references: [ReferenceSum]) -> [Int] {
  zip(results, references).enumerated().filter { !$1.1.accepts($1.0) }.map(\.offset)
}

/// The positions of results further than `tolerance` (relative, at least that of 1e-37) from what is expected.
func refused(_ results: [Float], by expected: [Double], tolerance: Double) -> [Int] {
  zip(results, expected).enumerated()
    .filter { !(abs(Double($1.0) - $1.1) <= tolerance * max(abs($1.1), 1e-37)) }
    .map(\.offset)
}
