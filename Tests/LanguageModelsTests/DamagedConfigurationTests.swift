import Checkpoints
import Foundation
import JSONReader
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Whatever stands in `config.json`, a model loads and runs, or a typed error says why not.
@Suite("Damaged configurations")
struct DamagedConfigurationTests {
  /// Values that have no business where they are put.
  private static let intruders: [JSONValue] = [
    .null, .bool(true), .integer(0), .integer(-1), .integer(1), .integer(3), .integer(1 << 20), .integer(.max),
    .number(0.5), .number(1e300), .string(""), .string("silu"), .array([]), .array([.integer(1)]), .object([]),
  ]

  private func paths(_ json: JSONValue, _ prefix: [String] = []) -> [[String]] {
    (json.objectValue ?? []).flatMap { entry in
      [prefix + [entry.key]] + paths(entry.value, prefix + [entry.key])
    }
  }

  private func replacing(_ json: JSONValue, _ path: ArraySlice<String>, by value: JSONValue?) -> JSONValue {
    guard let key = path.first else { return value ?? .null }
    let entries = (json.objectValue ?? []).compactMap { entry -> (String, JSONValue)? in
      if entry.key != key { return (entry.key, entry.value) }
      if path.count == 1 { return value.map { (key, $0) } }
      return (key, replacing(entry.value, path.dropFirst(), by: value))
    }
    return .object(entries)
  }

  @Test("Every key of every family, removed or replaced", arguments: ArchitectureFixture.names)
  func everyKey(name: String) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try ArchitectureFixture(name).write(to: folder, dtype: .bfloat16)
    let model = try ModelDirectory(path: folder.path)
    var (accepted, refused) = (0, 0)
    for path in paths(model.configuration) {
      for value in [nil] + Self.intruders.map(Optional.some) {
        let json = replacing(model.configuration, path[...], by: value)
        do {
          var configuration = try ModelConfiguration(json)
          configuration.locate(in: model)
          let decoder = try DecoderModel(configuration, source: model, settings: nil)
          let cache = decoder.makeCache(capacity: 3)
          _ = try decoder.forward([Segment(tokens: [1, 2, 3], cache: cache)], logits: .last)
          accepted += 1
        } catch is LanguageModelError {
          refused += 1
        } catch let error as CheckpointError {
          // A size that a file states decides which tensors are asked for.
          #expect(error.code == .missingTensor)
          refused += 1
        }
      }
    }
    #expect(accepted > 50 && refused > 50, "\(accepted) accepted, \(refused) refused")
  }

  @Test(
    "Every tensor of every family, missing, of another shape or of another type, is refused by name",
    arguments: ArchitectureFixture.names)
  func everyTensor(name: String) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let fixture = try ArchitectureFixture(name)
    try fixture.write(to: folder, dtype: .bfloat16)
    let model = try ModelDirectory(path: folder.path)
    let configuration = try ModelConfiguration(model)
    let whole = MemorySource(
      tensors: Dictionary(uniqueKeysWithValues: try model.tensorNames.map { ($0, try model.tensor(named: $0)) }))
    _ = try DecoderModel(configuration, source: whole, settings: nil)
    // Biases that the configuration does not ask for are read where they are stored, so none of them is optional here.
    for name in model.tensorNames where !name.contains("vision") && !name.contains("multi_modal") {
      let tensor = try model.tensor(named: name)
      let dimensions = tensor.shape.dimensions
      let wider = Shape(dimensions.dropLast() + [(dimensions.last ?? 0) + 1])
      let damaged: [Tensor?] = [
        nil, Tensor([Float](repeating: 0, count: wider.elementCount), shape: wider),
        Tensor([Float](repeating: 0, count: tensor.shape.elementCount), shape: Shape([1] + dimensions)),
        Tensor(bits: [UInt8](repeating: 0, count: tensor.shape.elementCount), dtype: .uint8, shape: tensor.shape),
        Tensor(
          bits: [UInt8](repeating: 0, count: tensor.shape.elementCount), dtype: .float8e4m3, shape: tensor.shape),
      ]
      for (index, damage) in damaged.enumerated() {
        var source = whole
        source.tensors[name] = damage
        #expect("\(name), damage \(index)") {
          try DecoderModel(configuration, source: source, settings: nil)
        } throws: { error in
          "\(error)".contains(name)
            || "\(error)".contains(String(name.split(separator: ".").dropLast().joined(separator: ".")))
        }
      }
    }
  }
}
