import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

@Suite("8-bit floats with block scales")
struct BlockScaleTests {
  @Test("e4m3 bytes have the values of torch.float8_e4m3fn")
  func bytes() {
    let expected: [(Int, Float)] = [
      (0x00, 0), (0x01, 0.001953125), (0x07, 0.013671875), (0x08, 0.015625), (0x38, 1), (0x39, 1.125), (0x40, 2),
      (0x77, 240), (0x78, 256), (0x7E, 448), (0x81, -0.001953125), (0xB8, -1), (0xFE, -448),
    ]
    for (byte, value) in expected { #expect(Float8.e4m3[byte] == value) }
    #expect(Float8.e4m3[0x7F].isNaN && Float8.e4m3[0xFF].isNaN)
    #expect(Float8.e4m3.count { $0.isNaN } == 2)
  }

  /// A matrix of 200 x 300: two by three blocks, the last ones cut.
  private func source(scales shape: Shape = [2, 3]) -> MemorySource {
    let random = CounterRandom(seed: 3, stream: 0)
    let bytes = (0..<(200 * 300)).map { UInt8(random.bits(at: UInt64($0)) % 127) }
    return MemorySource(tensors: [
      "m.weight": Tensor(bits: bytes, dtype: .float8e4m3, shape: [200, 300]),
      "m.weight_scale_inv": Tensor((0..<shape.elementCount).map { 0.5 + Float($0) / 8 }, shape: shape),
    ])
  }

  @Test("A product uses each block's scale", arguments: [1, 2, 9])
  func product(tokens: Int) throws {
    let source = source()
    let loader = ParameterLoader(source: source, settings: nil)
    let linear = try loader.linear("m", outFeatures: 200, inFeatures: 300, bias: false)
    let random = CounterRandom(seed: 4, stream: 0)
    let x = (0..<(tokens * 300)).map { Float(random.uniform(at: UInt64($0)) - 0.5) }
    var y = [Float](repeating: 0, count: tokens * 200)
    linear.apply(x, tokens: tokens, into: &y)
    let stored = try source.tensor(named: "m.weight")
    for token in 0..<tokens {
      for row in 0..<200 {
        let sum = stored.withUnsafeBytes { bytes in
          (0..<300).reduce(0.0) { sum, column in
            let scale = 0.5 + Double(row / 128 * 3 + column / 128) / 8
            return sum + Double(Float8.e4m3[Int(bytes[row * 300 + column])]) * scale * Double(x[token * 300 + column])
          }
        }
        #expect(abs(Double(y[token * 200 + row]) - sum) < 1e-3)
      }
    }
    let floats = try loader.floats("m", outFeatures: 200, inFeatures: 300)
    #expect(floats[150 * 300 + 299] == Float8.e4m3[Int(stored.withUnsafeBytes { $0[150 * 300 + 299] })] * (0.5 + 5 / 8))
  }

  @Test("Scales that are missing or do not fit are refused with their name")
  func refusals() {
    var missing = source()
    missing.tensors["m.weight_scale_inv"] = nil
    for source in [missing, source(scales: [3, 2])] {
      #expect {
        try ParameterLoader(source: source, settings: nil).linear("m", outFeatures: 200, inFeatures: 300, bias: false)
      } throws: { error in
        (error as? LanguageModelError)?.code == .badTensor && "\(error)".contains("m.weight_scale_inv")
      }
    }
  }
}
