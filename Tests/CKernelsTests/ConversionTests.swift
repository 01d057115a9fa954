import CKernels
import Foundation
import TestSupport
import Testing

@Suite("Conversions between float32 and 16-bit floats")
struct ConversionTests {
  /// IEEE 754 binary16 from its definition: (-1)^s 2^(e - 15) (1 + m / 2^10), or (-1)^s 2^-14 m / 2^10 for e = 0.
  static func halfValue(_ bits: UInt16) -> Float {
    let exponent = Int(bits >> 10 & 31)
    let mantissa = Float(bits & 0x3FF) / 1024
    let magnitude: Float
    switch exponent {
    case 0: magnitude = Float(sign: .plus, exponent: -14, significand: 1) * mantissa
    case 31: magnitude = mantissa == 0 ? .infinity : .nan
    default: magnitude = Float(sign: .plus, exponent: exponent - 15, significand: 1) * (1 + mantissa)
    }
    return bits & 0x8000 == 0 ? magnitude : -magnitude
  }

  static func same(_ a: Float, _ b: Float) -> Bool { a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern }

  @Test("all 65536 halves widen to the value of their definition", arguments: KernelVariant.all)
  func widenAll(_ variant: KernelVariant) {
    let halves = (0...UInt16.max).map { $0 }
    var (f16, bf16) = ([Float](repeating: 0, count: 65536), [Float](repeating: 0, count: 65536))
    variant.kernels.f16_to_f32(halves, &f16, 65536)
    variant.kernels.bf16_to_f32(halves, &bf16, 65536)
    #expect(halves.filter { !Self.same(f16[Int($0)], Self.halfValue($0)) }.isEmpty)
    #expect(halves.filter { bf16[Int($0)].bitPattern != UInt32($0) << 16 }.isEmpty)
  }

  @Test("every half survives the way to float32 and back", arguments: KernelVariant.all)
  func roundTrip(_ variant: KernelVariant) {
    let halves = (0...UInt16.max).filter { !Self.halfValue($0).isNaN }
    var wide = [Float](repeating: 0, count: halves.count)
    var narrow = [UInt16](repeating: 0, count: halves.count)
    variant.kernels.f16_to_f32(halves, &wide, halves.count)
    variant.kernels.f32_to_f16(wide, &narrow, halves.count)
    #expect(narrow == halves)
  }

  @Test("midpoints go to the even neighbour, their own neighbours to the nearer one", arguments: KernelVariant.all)
  func ties(_ variant: KernelVariant) {
    // Neighbouring finite halves h, h + 1 and the float32 half way between them.
    let lower = (UInt16(0)..<0x7BFF).map { $0 }
    let middle = lower.map { (Self.halfValue($0) + Self.halfValue($0 + 1)) / 2 }
    let inputs = middle + middle.map(\.nextDown) + middle.map(\.nextUp) + middle.map { -$0 }
    let even = lower.map { $0 % 2 == 0 ? $0 : $0 + 1 }
    let expected = even + lower + lower.map { $0 + 1 } + even.map { $0 | 0x8000 }
    var bits = [UInt16](repeating: 0, count: inputs.count)
    variant.kernels.f32_to_f16(inputs, &bits, inputs.count)
    #expect(bits == expected)

    let brain = (UInt16(0)..<0x7F7F).map { $0 }
    let brainMiddle = brain.map { UInt32($0) << 16 | 0x8000 }
    let brainInputs = (brainMiddle + brainMiddle.map { $0 - 1 } + brainMiddle.map { $0 + 1 }).map(
      Float.init(bitPattern:))
    let brainExpected = brain.map { $0 % 2 == 0 ? $0 : $0 + 1 } + brain + brain.map { $0 + 1 }
    bits = [UInt16](repeating: 0, count: brainInputs.count)
    variant.kernels.f32_to_bf16(brainInputs, &bits, brainInputs.count)
    #expect(bits == brainExpected)
  }

  @Test(
    "special values: quiet NaN with its upper bits, overflow to infinity, signed zeros", arguments: KernelVariant.all)
  func specialValues(_ variant: KernelVariant) {
    let inputs: [UInt32] = [
      0x7F80_0001, 0xFFC1_2345, 0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF, 0x8000_0000, 0x0000_0001, 0x477F_F000,
      0x477F_EFFF,
    ]
    let values = inputs.map(Float.init(bitPattern:))
    var bits = [UInt16](repeating: 0, count: values.count)
    variant.kernels.f32_to_f16(values, &bits, values.count)
    #expect(bits == [0x7E00, 0xFE09, 0x7C00, 0xFC00, 0x7C00, 0x8000, 0x0000, 0x7C00, 0x7BFF])
    variant.kernels.f32_to_bf16(values, &bits, values.count)
    #expect(bits == [0x7FC0, 0xFFC1, 0x7F80, 0xFF80, 0x7F80, 0x8000, 0x0000, 0x4780, 0x4780])
  }

  @Test("odd counts at unaligned addresses write exactly their values", arguments: KernelVariant.all)
  func oddCounts(_ variant: KernelVariant) {
    let kernels = variant.kernels
    var generator = SeededGenerator(state: 1)
    for count in [0] + oddSizes {
      let values = generator.floats(count, in: -70000...70000)
      withArena { arena in
        let source = arena.place(values, offset: 1)
        let half = arena.place([UInt16](repeating: 0xABCD, count: count + 1), offset: 1)
        let wide = arena.place([Float](repeating: 7, count: count + 1), offset: 1)
        kernels.f32_to_f16(source, half, count)
        kernels.f16_to_f32(half, wide, count)
        let expected = half.values(count).map(Self.halfValue)
        #expect(wide.values(count) == expected && half[count] == 0xABCD && wide[count] == 7)
        kernels.f32_to_bf16(source, half, count)
        kernels.bf16_to_f32(half, wide, count)
        let error = zip(values, wide.values(count)).filter { abs($0 - $1) > abs($0) / 256 }
        #expect(error.isEmpty && half[count] == 0xABCD && wide[count] == 7)
      }
    }
  }

  /// The parts of the shared file that hold 16-bit floats: bits to value and value to bits, both as text.
  struct Oracle: Decodable {
    let bf16_bits, f16_bits, f32_to_f16, f32_to_bf16: [String: String]
  }

  @Test(
    "the values of case M10", .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: KernelVariant.all)
  func sharedValues(_ variant: KernelVariant) throws {
    let text = try String(contentsOf: SharedData.url("cases/fixtures/num_expected.json"), encoding: .utf8)
    let strict = text.replacingOccurrences(of: ": Infinity", with: ": null")
    let oracle = try JSONDecoder().decode(Oracle.self, from: Data(strict.utf8))
    let kernels = variant.kernels
    for (table, widen) in [(oracle.f16_bits, kernels.f16_to_f32), (oracle.bf16_bits, kernels.bf16_to_f32)] {
      for (bits, value) in table {
        let (bits, expected) = try (#require(UInt16(bits.dropFirst(2), radix: 16)), #require(Float(value)))
        var result: Float = 0
        widen([bits], &result, 1)
        #expect(Self.same(result, expected), "\(bits)")
      }
    }
    for (table, narrow) in [(oracle.f32_to_f16, kernels.f32_to_f16), (oracle.f32_to_bf16, kernels.f32_to_bf16)] {
      for (value, bits) in table {
        let (value, expected) = try (#require(Float(value)), #require(UInt16(bits.dropFirst(2), radix: 16)))
        var result: UInt16 = 0
        narrow([value], &result, 1)
        // A NaN need only stay one: its payload is the machine's choice.
        #expect(value.isNaN ? result & 0x7FFF > 0x7F80 : result == expected, "\(value)")
      }
    }
  }
}
