import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite("Tensors")
struct TensorTests {
  @Test("Values survive storage in each floating type; 16-bit types round to nearest even")
  func roundTrip() throws {
    let values: [Float] = [0, 1, -2.5, 2049, 2051, 0.1]
    #expect(try Tensor(values, shape: [2, 3]).floats() == values)
    #expect(try Tensor(values, shape: [6], dtype: .float16).floats() == [0, 1, -2.5, 2048, 2052, 0.0999755859375])
    #expect(try Tensor(values, shape: [6], dtype: .bfloat16).floats() == [0, 1, -2.5, 2048, 2048, 0.10009765625])
  }

  @Test("Integers are not read as floating point")
  func wrongType() {
    let tensor = Tensor(bits: [Int32(1), 2], dtype: .int32, shape: [2])
    #expect { try tensor.floats() } throws: { ($0 as? TensorError)?.code == .wrongType }
  }

  @Test("Rows are views of the same values")
  func rows() throws {
    let tensor = Tensor((0..<12).map(Float.init), shape: [4, 3])
    #expect(try tensor.rows(1..<3).floats() == [3, 4, 5, 6, 7, 8])
    #expect(tensor.rows(1..<3).shape == [2, 3])
  }

  @Test("A product of extents that overflows is found")
  func overflow() {
    #expect(Shape.checkedElementCount([1 << 40, 1 << 40]) == nil)
    #expect(Shape.checkedElementCount([3, -1]) == nil)
    #expect(Shape.checkedElementCount([]) == 1)
  }

  @Test("A missing file is named; an empty one is empty")
  func mapping() throws {
    #expect { try MappedFile(path: "/no/such/file") } throws: { "\($0)".contains("/no/such/file") }
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("empty")
    try Data().write(to: file)
    #expect(try MappedFile(path: file.path).bytes.count == 0)
  }

  @Test("Random numbers depend on seed, stream and counter only")
  func random() {
    var sequence = CounterRandom(seed: 1, stream: 2)
    let drawn = (0..<4).map { _ in sequence.next() }
    let random = CounterRandom(seed: 1, stream: 2)
    #expect(drawn == (0..<4).map { random.bits(at: $0) })
    #expect(CounterRandom(seed: 2, stream: 2).bits(at: 0) != drawn[0])
    #expect(CounterRandom(seed: 1, stream: 3).bits(at: 0) != drawn[0])
    let mean = (0..<10_000).reduce(0.0) { $0 + random.uniform(at: UInt64($1)) } / 10_000
    #expect(abs(mean - 0.5) < 0.015)  // five standard deviations of the mean of 10,000 uniform numbers
  }
}
