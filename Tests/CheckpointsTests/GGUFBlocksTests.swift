import Foundation
import JSONReader
import TestSupport
import Tensors
import Testing

@testable import Checkpoints

@Suite("GGUF block formats") struct GGUFBlocksTests {
  @Test(
    "values equal those of the PyPI package gguf to the bit (recorded by Scripts/record_gguf_blocks.py)",
    arguments: GGUFTensorType.allCases.filter { $0 != .f32 })
  func golden(type: GGUFTensorType) throws {
    let path = SharedData.packageRoot.appendingPathComponent("Tests/CheckpointsTests/Fixtures/gguf_blocks.json").path
    let entry = try #require(try JSONFile.read(path)[type.name])
    let blocks = try bytes(entry["blocks"])
    let expected = try bytes(entry["values"])
    var values = [Float](repeating: .nan, count: expected.count / 4)
    #expect(values.count == blocks.count / type.blockBytes * type.blockLength)
    values.withUnsafeMutableBufferPointer { target in
      blocks.withUnsafeBytes { GGUFBlocks.dequantize($0, type: type, into: target) }
    }
    let mismatches = values.indices.filter { index in
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(expected[index * 4 + $1]) << UInt32(8 * $1) }
      // The sign of a zero depends on the order of subtraction; the value does not.
      return values[index].bitPattern != bits && values[index] != Float(bitPattern: bits)
    }
    #expect(mismatches.isEmpty)
  }

  @Test(
    "a tensor read on many threads is what one thread reads, rounded",
    arguments: [GGUFTensorType.q8_0, .q6_K, .f16], [DType.float32, .float16, .bfloat16])
  func chunks(type: GGUFTensorType, dtype: DType) throws {
    let count = 2 * GGUFBlocks.chunkLength + 3 * type.blockLength
    // Every byte 0x2C: scales of 0x2C2C are 0.0652, so no value is large.
    let blocks = [UInt8](repeating: 0x2C, count: count / type.blockLength * type.blockBytes)
    var values = [Float](repeating: .nan, count: count)
    var stored = [UInt8](repeating: 0xFF, count: count * dtype.byteCount)
    blocks.withUnsafeBytes { source in
      values.withUnsafeMutableBufferPointer { GGUFBlocks.dequantize(source, type: type, into: $0) }
      stored.withUnsafeMutableBytes { target in
        #expect(GGUFBlocks.round(source, type: type, .init(dtype: dtype, scale: 2, offset: -1), into: target))
      }
    }
    let expected = Tensor(values.map { $0 * 2 - 1 }, shape: [count], dtype: dtype)
    #expect(expected.withUnsafeBytes { Array($0) } == stored)
  }

  @Test(
    "half-precision bits, among them subnormals and infinities (IEEE 754)",
    arguments: [
      (0x0001, 0x1p-24), (0x03FF, 0x3FFp-24), (0x0400, 0x1p-14), (0x3C00, 1), (0x7BFF, 65504), (0xC000, -2),
      (0x7C00, .infinity),
    ] as [(UInt16, Float)])
  func half(bits: UInt16, value: Float) {
    let read = withUnsafeBytes(of: bits.littleEndian) { bytes in bytes.baseAddress.map { GGUFBlocks.half($0, 0) } }
    #expect(read == value)
  }

  private func bytes(_ hexadecimal: JSONValue?) throws -> [UInt8] {
    let digits = Array(try #require(hexadecimal?.stringValue).utf8)
    return try stride(from: 0, to: digits.count, by: 2).map { index in
      try #require(UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16))
    }
  }
}
