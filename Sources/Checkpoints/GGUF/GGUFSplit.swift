import Foundation

/// The first file of a model that is split into several (`split.no`, `split.count`, `split.tensors.count`; the names are
/// those of llama.cpp's gguf-split).
struct GGUFSplit {
  /// How many absent parts a message lists.
  private static let namedLimit = 8

  private let path: String
  private let count: Int
  private let tensorCount: Int?
  /// The path up to the number of the part.
  private let prefix: String

  /// Nil for a file that is a whole model.
  ///
  /// - Throws: `CheckpointError` (`unsupported`) for a part that is not the first, or that was renamed.
  init?(path: String, metadata: [String: GGUFValue]) throws {
    guard let count = metadata["split.count"]?.intValue, count > 1 else { return nil }
    let number = metadata["split.no"]?.intValue ?? 0
    guard count <= 99999, (0..<count).contains(number) else {
      throw CheckpointError(
        .malformedFile, "\(path) is not a valid GGUF file: it is part \(number) of \(count), counted from 0")
    }
    let ending = Self.ending(number, of: count)
    guard path.hasSuffix(ending) else {
      throw CheckpointError(
        .unsupported, "\(path) is a part of a split model; its name must end in \(ending) to find the other parts")
    }
    let prefix = String(path.dropLast(ending.count))
    guard number == 0 else {
      throw CheckpointError(
        .unsupported,
        "\(path) is part \(number + 1) of \(count); give the first one, \(prefix)\(Self.ending(0, of: count))")
    }
    self.path = path
    self.count = count
    self.prefix = prefix
    tensorCount = metadata["split.tensors.count"]?.intValue
  }

  /// The paths of all parts but the first, in their order.
  ///
  /// - Throws: `CheckpointError` (`missingFile`) that names those that are absent.
  func otherPaths() throws -> [String] {
    var paths: [String] = []
    var missing: [String] = []
    for index in 1..<count where missing.count <= Self.namedLimit {
      let part = prefix + Self.ending(index, of: count)
      if FileManager.default.fileExists(atPath: part) { paths.append(part) } else { missing.append(part) }
    }
    guard missing.isEmpty else {
      let named = missing.prefix(Self.namedLimit).joined(separator: ", ")
      let more = missing.count > Self.namedLimit ? " and others" : ""
      throw CheckpointError(.missingFile, "\(path) is part 1 of \(count), but there is no \(named)\(more)")
    }
    return paths
  }

  /// Checks that a file says it is the part that its name says.
  func check(_ metadata: [String: GGUFValue], index: Int, path: String) throws {
    guard metadata["split.no"]?.intValue == index, metadata["split.count"]?.intValue == count else {
      throw CheckpointError(.malformedFile, "\(path) does not say that it is part \(index + 1) of \(count)")
    }
  }

  /// Checks the number of tensors of all parts together.
  func check(tensorCount found: Int) throws {
    if let tensorCount, tensorCount != found {
      throw CheckpointError(
        .malformedFile, "the \(count) parts of \(path) hold \(found) tensors, not the \(tensorCount) they declare")
    }
  }

  private static func ending(_ number: Int, of count: Int) -> String {
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "-\(padded(number + 1))-of-\(padded(count)).gguf"
  }
}
