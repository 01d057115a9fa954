import Tensors

/// A list in the metadata of a GGUF file; it stays in the mapped file until its elements are asked for.
public struct GGUFArray: Sendable {
  /// The type of every element.
  public let elementType: GGUFValueType
  /// The number of elements.
  public let count: Int
  let file: MappedFile
  let start: Int

  /// The elements as texts, or nil if they are of another type.
  public var strings: [String]? {
    guard elementType == .string else { return nil }
    return decoded { $0.stringValue }
  }

  /// The elements as integers, or nil if they are of another type.
  public var integers: [Int]? { decoded { $0.intValue } }

  /// The elements as numbers, or nil if they are of another type.
  public var doubles: [Double]? { decoded { $0.doubleValue } }

  /// The elements as truth values, or nil if they are of another type.
  public var booleans: [Bool]? { decoded { $0.boolValue } }

  private func decoded<Element>(_ convert: (GGUFValue) -> Element?) -> [Element]? {
    var cursor = GGUFCursor(file: file, position: start)
    var elements: [Element] = []
    for _ in 0..<count {
      guard let value = try? cursor.value(elementType), let element = convert(value) else { return nil }
      elements.append(element)
    }
    return elements
  }
}
