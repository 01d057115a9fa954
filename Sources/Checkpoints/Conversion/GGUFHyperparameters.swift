/// The metadata values under the name of a file's architecture, and which of them a conversion has used.
///
/// A key that no one asks for might change the model, so the conversion says what it left unread.
final class GGUFHyperparameters {
  let file: GGUFFile
  /// The value of `general.architecture`, which all keys begin with.
  let architecture: String
  private var used: Set<String> = []

  /// Keys that do not change the function of a model.
  private static let descriptive: Set<String> = [
    "vocab_size", "tensor_data_layout", "rope.scaling.finetuned", "attention.layer_norm_epsilon",
    "embedding_length_out",
    "pooling_type", "expert_shared_count", "rope.scaling.yarn_ext_factor",
  ]

  init(_ file: GGUFFile) throws {
    self.file = file
    guard let name = file.metadata["general.architecture"]?.stringValue else {
      throw CheckpointError(.malformedFile, "\(file.path) does not state its general.architecture")
    }
    architecture = name
  }

  /// The value of a key, if the file has it.
  subscript(key: String) -> GGUFValue? {
    used.insert(key)
    return file.metadata["\(architecture).\(key)"]
  }

  /// A whole number from 1 to 2^30; a list of equal numbers (one a layer) counts as that number.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`, or `unsupported` where layers differ) that names the key.
  func size(_ key: String) throws -> Int? {
    guard let value = self[key] else { return nil }
    var number = value.intValue
    if let list = value.arrayValue?.integers, let first = list.first {
      guard list.allSatisfy({ $0 == first }) else {
        throw CheckpointError(.unsupported, "\(file.path): \(architecture).\(key) differs between layers")
      }
      number = first
    }
    guard let number, number > 0, number <= 1 << 30 else {
      throw CheckpointError(.malformedFile, "\(file.path) has no valid \(architecture).\(key)")
    }
    return number
  }

  /// As `size(_:)`, for a key that must be there.
  func requiredSize(_ key: String) throws -> Int {
    guard let value = try size(key) else { throw missing(key) }
    return value
  }

  /// As `size(_:)`, where 0 stands for an absent key.
  func optionalSize(_ key: String) throws -> Int? { self[key]?.intValue == 0 ? nil : try size(key) }

  /// A number of a magnitude up to 1e30.
  func number(_ key: String) throws -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.doubleValue, number.magnitude <= 1e30 else {
      throw CheckpointError(.malformedFile, "\(file.path): \(architecture).\(key) is not a number")
    }
    return number
  }

  /// A finite number that must be there.
  func requiredNumber(_ key: String) throws -> Double {
    guard let value = try number(key) else { throw missing(key) }
    return value
  }

  /// A number that is left out, or 0 to the same effect.
  func positiveNumber(_ key: String) throws -> Double? {
    try number(key).flatMap { $0 > 0 ? $0 : nil }
  }

  /// The keys of the architecture that nothing has asked for, but for those that only describe, sorted.
  var unused: [String] {
    file.metadata.keys
      .filter { $0.hasPrefix(architecture + ".") }
      .map { String($0.dropFirst(architecture.count + 1)) }
      .filter { !used.contains($0) && !Self.descriptive.contains($0) }
      .sorted()
  }

  func missing(_ key: String) -> CheckpointError {
    CheckpointError(.malformedFile, "\(file.path) has no \(architecture).\(key)")
  }
}
