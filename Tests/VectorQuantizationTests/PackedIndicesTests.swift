import Foundation
import JSONReader
import Tensors
import TestSupport
import Testing

@testable import VectorQuantization

@Suite struct PackedIndicesTests {
  /// Bit `t = j·B + b` of a row is bit `b` of code `j` (format section 4), for every width and ragged row lengths.
  @Test(arguments: 1...32, [1, 2, 3, 31, 33, 100])
  func packsAndUnpacksEveryWidth(_ bits: Int, _ columns: Int) {
    var stream = Stream(UInt64(bits * 1000 + columns))
    let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(bits) - 1)
    var codes = (0..<(2 * 3 * columns)).map { _ in UInt32(truncatingIfNeeded: stream.next()) & mask }
    codes[0] = mask
    let packed = PackedIndices(packing: codes, groupCount: 2, rowCount: 3, columnCount: columns, codeBits: bits)
    let words = (columns * bits + 31) / 32
    #expect(packed.tensor.shape == [2, 3, words] && packed.tensor.dtype == .int32)
    #expect(packed.unpacked() == codes)
    let content = bytes(packed.tensor)
    var expected = [UInt8](repeating: 0, count: content.count)
    for row in 0..<6 {
      for t in 0..<(columns * bits) where codes[row * columns + t / bits] >> UInt32(t % bits) & 1 == 1 {
        expected[row * words * 4 + t / 8] |= 1 << UInt8(t % 8)
      }
    }
    #expect(content == expected)
  }

  /// Cases Q10 and Q11: words recorded from the reference's packer; rows of at most 16 bits included.
  @Test(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
  func packsAsTheReferenceDoes() throws {
    let url = try SharedData.url("cases/fixtures/pack_expected.json")
    let cases = try JSONValue.parse([UInt8](Data(contentsOf: url)))["packing"]?.arrayValue ?? []
    #expect(cases.count >= 12)
    let rows = { (json: JSONValue?) -> [[UInt32]] in
      (json?.arrayValue ?? []).map { ($0.arrayValue ?? []).compactMap { $0.intValue.map { UInt32($0) } } }
    }
    for item in cases {
      let mainBits = try #require(item["index_bits"]?.intValue), residualBits = item["res_bits"]?.intValue ?? 0
      let settings = LayerSettings(
        vectorLength: 8, centroidCount: 1 << mainBits, residualCentroidCount: residualBits > 0 ? 1 << residualBits : 0)
      let main = rows(item["main"]), residual = rows(item["res"]), words = rows(item["packed_u32"])
      let packed = PackedIndices(
        main: main.flatMap(\.self), residual: residual.isEmpty ? nil : residual.flatMap(\.self), settings: settings,
        rowCount: main.count, columnCount: main[0].count)
      #expect(packed.tensor.shape == [1, words.count, words[0].count])
      let stored: [UInt8] = words.flatMap(\.self).flatMap { word in word.littleEndianBytes }
      #expect(bytes(packed.tensor) == stored)
      let mask = UInt32((1 << mainBits) - 1)
      #expect(packed.unpacked().map { $0 & mask } == main.flatMap(\.self))
      if !residual.isEmpty { #expect(packed.unpacked().map { $0 >> UInt32(mainBits) } == residual.flatMap(\.self)) }
    }
  }

  /// Case Q10, 16 + 16 bits, third code of the first row: main 30554, residual 65535; first word 0xdb81ffff.
  @Test func topBitsSurvive() {
    let settings = LayerSettings(vectorLength: 8, centroidCount: 65536, residualCentroidCount: 65536)
    let packed = PackedIndices(
      main: [65535, 64812, 30554], residual: [56193, 40143, 65535], settings: settings, rowCount: 1, columnCount: 3)
    #expect(bytes(packed.tensor).prefix(4) == [0xFF, 0xFF, 0x81, 0xDB])
    #expect(packed.unpacked() == [0xDB81_FFFF, 0x9CCF_FD2C, 0xFFFF_775A])
  }

  /// Case Q12: identifiers up to 2999 in 12 bits.
  @Test func countsThatAreNoPowerOfTwo() {
    let settings = LayerSettings(vectorLength: 8, centroidCount: 3000)
    let codes = (0..<3000).map { UInt32($0) }
    let packed = PackedIndices(main: codes, residual: nil, settings: settings, rowCount: 30, columnCount: 100)
    #expect(packed.codeBits == 12 && packed.wordsPerRow == 38)
    #expect(packed.unpacked() == codes)
  }

  @Test func refusesOtherShapesAndTypes() throws {
    let words = Tensor(bits: [Int32](repeating: 0, count: 6), dtype: .int32, shape: [1, 2, 3])
    let make = { (tensor: Tensor, columns: Int) in
      try PackedIndices(tensor, groupCount: 1, rowCount: 2, columnCount: columns, codeBits: 12, name: "m.indices")
    }
    #expect(try make(words, 8).unpacked() == [UInt32](repeating: 0, count: 16))
    let shape = #expect(throws: VectorQuantizationError.self) { try make(words, 9) }
    #expect(shape?.code == .wrongShape)
    #expect(shape?.message == "m.indices has shape [1, 2, 3]; the layer's settings need [1, 2, 4]")
    let floats = Tensor([Float](repeating: 0, count: 6), shape: [1, 2, 3])
    let type = #expect(throws: VectorQuantizationError.self) { try make(floats, 8) }
    #expect(type?.code == .wrongType)
  }
}

extension UInt32 {
  fileprivate var littleEndianBytes: [UInt8] { Swift.withUnsafeBytes(of: littleEndian) { [UInt8]($0) } }
}
