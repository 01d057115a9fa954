import VectorQuantization
import Checkpoints
import Tensors

/// Tensors in memory under their full names.
struct MemorySource: TensorSource {
  struct Missing: Error {}

  var tensors: [String: Tensor] = [:]

  func contains(_ name: String) -> Bool { tensors[name] != nil }

  func tensor(named name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw Missing() }
    return tensor
  }

  subscript(name: String) -> Tensor? {
    get { tensors[name] }
    set { tensors[name] = newValue }
  }
}

extension MemorySource {
  /// The tensors of `layer` under the module name `module`.
  init(_ layer: VectorQuantizedLinear, module: String) {
    for (name, tensor) in layer.tensors() { tensors["\(module).\(name)"] = tensor }
  }
}

/// A deterministic stream of numbers (splitmix64).
struct Stream {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in -1 ..< 1, in steps of 2^-10, so that it is exact in half precision up to one unit.
  mutating func float() -> Float { Float(Int(next() % 2048) - 1024) / 1024 }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }

  mutating func permutation(_ count: Int) -> [UInt32] {
    var values = (0..<count).map { UInt32($0) }
    for index in stride(from: count - 1, to: 0, by: -1) { values.swapAt(index, below(index + 1)) }
    return values
  }
}
