import Checkpoints
public import Foundation
import JSONReader
public import Tensors

/// A tiny random model of one architecture with what the PyPI package `transformers` computed for it; recorded by
/// `Scripts/record_architectures.py`, which states the rule of the weights.
public struct ArchitectureFixture {
  /// A tensor of the checkpoint: uniform values of half-width `scale` around `offset`.
  public struct Declaration {
    /// Its name in the checkpoint.
    public let name: String
    /// Its shape.
    public let shape: Shape
    /// Half the width of the range of values.
    public let scale: Double
    /// The middle of the range.
    public let offset: Double
  }

  /// The two spellings of every case's configuration, which mean the same model.
  public static let spellings = ["config.json", "config.legacy.json"]

  /// The names of all cases.
  public static let names: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }()

  private static let root = SharedData.packageRoot.appendingPathComponent(
    "Tests/LanguageModelsTests/Fixtures/architectures", isDirectory: true)

  /// The folder of the case.
  public let name: String
  /// The ids whose logits were recorded.
  public let prompt: [Int]
  /// All tensors of the checkpoint, sorted by name.
  public let declarations: [Declaration]
  private let seed: Int
  private let expected: SafetensorsFile

  /// Reads one case by the name of its folder; with an offset of the seed its weights are others.
  public init(_ name: String, seedOffset: Int = 0) throws {
    self.name = name
    let folder = Self.root.appendingPathComponent(name)
    let json = try JSONValue.parse([UInt8](Data(contentsOf: folder.appendingPathComponent("case.json"))))
    guard let seed = json["seed"]?.intValue, let prompt = json["prompt"]?.arrayValue,
      let tensors = json["tensors"]?.arrayValue
    else { throw CocoaError(.fileReadCorruptFile) }
    self.seed = seed + seedOffset
    self.prompt = prompt.compactMap(\.intValue)
    declarations = try tensors.map { tensor in
      guard let name = tensor["name"]?.stringValue, let shape = tensor["shape"]?.arrayValue,
        let scale = tensor["scale"]?.doubleValue, let offset = tensor["offset"]?.doubleValue
      else { throw CocoaError(.fileReadCorruptFile) }
      return Declaration(name: name, shape: Shape(shape.compactMap(\.intValue)), scale: scale, offset: offset)
    }
    expected = try SafetensorsFile(path: folder.appendingPathComponent("expected.safetensors").path)
  }

  /// `[prompt.count, vocabulary]`: the prompt in one forward pass.
  public var logits: [Float] { get throws { try expected.tensor(named: "logits").floats() } }

  /// `[prompt.count, vocabulary]`: the prompt in pieces of 7, each with the cache of those before it.
  public var logitsInPieces: [Float] {
    get throws {
      let name = "logits_in_pieces"
      return try expected.contains(name) ? expected.tensor(named: name).floats() : logits
    }
  }

  /// The 32 ids that greedy decoding with a cache appends to the prompt.
  public var greedy: [Int] { get throws { try ids("greedy") } }

  /// The 32 ids that greedy decoding appends when every step runs the whole text again.
  public var greedyUncached: [Int] {
    get throws { try ids(expected.contains("greedy_uncached") ? "greedy_uncached" : "greedy") }
  }

  private func ids(_ name: String) throws -> [Int] {
    let tensor = try expected.tensor(named: name)
    return tensor.withUnsafeBytes { bytes in
      (0..<tensor.shape.elementCount).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
    }
  }

  /// The values of one tensor, exact in bfloat16.
  public func values(of declaration: Declaration) -> [Float] {
    var state: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(seed)/\(declaration.name)".utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let values = (0..<declaration.shape.elementCount).map { index in
      var z = state &+ UInt64(index) &+ 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      let uniform = Double((z ^ (z >> 31)) >> 40) / 8_388_608 - 1
      return Float(declaration.offset + declaration.scale * uniform)
    }
    return FloatConversion.rounded(values, to: .bfloat16)
  }

  /// Writes the model as a folder that holds one spelling of its configuration.
  public func write(to folder: URL, spelling: String = "config.json", dtype: DType = .float32) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let writer = try CheckpointWriter(
      folder: folder.path, declarations: declarations.map { ($0.name, dtype, $0.shape) })
    for declaration in declarations {
      try writer.write(declaration.name, Tensor(values(of: declaration), shape: declaration.shape, dtype: dtype))
    }
    try writer.finish()
    let configuration = Self.root.appendingPathComponent("\(name)/\(spelling)")
    try Data(contentsOf: configuration).write(to: folder.appendingPathComponent("config.json"))
  }
}
