import Tensors
import Testing
import VectorQuantization

@Suite struct PermutationTests {
  /// Case Q10: values 53247, 32768, 65535 are stored as int16 -12289, -32768, -1.
  @Test func readsSixteenBitsUnsigned() throws {
    var values = (0..<65536).map { UInt32($0) }
    values.swapAt(0, 53247)
    values.swapAt(1, 32768)
    values.swapAt(2, 65535)
    let stored = try Permutation(values).tensor
    #expect(stored.dtype == .int16)
    #expect(bytes(stored).prefix(6) == [0xFF, 0xCF, 0x00, 0x80, 0xFF, 0xFF])
    let signed = Tensor(bits: values.map { Int16(truncatingIfNeeded: $0) }, dtype: .int16, shape: [65536])
    #expect(try Permutation(reading: signed, count: 65536, name: "perm").indices == values)
  }

  /// Format section 3.2: unpacked layers store plain 64-bit values.
  @Test func readsEightByteValues() throws {
    let permutation = try Permutation([2, 0, 3, 1])
    #expect(permutation.inverse == [1, 3, 0, 2])
    #expect(permutation.wideTensor.dtype == .int64)
    #expect(try Permutation(reading: permutation.wideTensor, count: 4, name: "perm") == permutation)
    #expect(try Permutation(reading: permutation.tensor, count: 4, name: "perm") == permutation)
  }

  @Test(arguments: [[0, 1, 1], [0, 1, 3], [0, 0, 0]])
  func refusesWhatIsNoPermutation(_ values: [UInt32]) {
    let error = #expect(throws: VectorQuantizationError.self) { try Permutation(values, name: "m.perm") }
    #expect(error?.code == .notAPermutation && error?.message.hasPrefix("m.perm ") == true)
  }

  @Test func refusesNegativeAndMissingValues() {
    let negative = Tensor(bits: [Int64(0), -1], dtype: .int64, shape: [2])
    #expect(throws: VectorQuantizationError.self) { try Permutation(reading: negative, count: 2, name: "perm") }
    let short = Tensor(bits: [Int16(0), 1], dtype: .int16, shape: [2])
    let error = #expect(throws: VectorQuantizationError.self) {
      try Permutation(reading: short, count: 3, name: "perm")
    }
    #expect(error?.code == .wrongShape)
  }
}
