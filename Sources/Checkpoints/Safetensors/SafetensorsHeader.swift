import JSONReader
import Tensors

/// The JSON header of a safetensors file, checked as the reference library checks it: offsets that start at 0, leave
/// no hole, do not overlap, agree with type and shape, and cover the file to its last byte.
struct SafetensorsHeader {
  /// Longer headers are refused, as by the reference library.
  static let lengthLimit = 100_000_000

  struct Entry {
    let name: String
    let dtype: DType
    let shape: Shape
    /// Bytes from the start of the file.
    let range: Range<Int>
  }

  /// In the order of the data.
  let entries: [Entry]
  let metadata: [String: String]

  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    func refuse(_ reason: String) -> CheckpointError {
      CheckpointError(.malformedFile, "\(path) is not a valid safetensors file: \(reason)")
    }
    guard bytes.count >= 8 else { throw refuse("it has \(bytes.count) bytes, fewer than the 8 of a header length") }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.lengthLimit else { throw refuse("its header would take \(length) bytes") }
    let dataStart = 8 + Int(length)
    guard dataStart <= bytes.count else {
      throw refuse("its header is cut: \(dataStart - bytes.count) bytes are missing")
    }
    let json: JSONValue
    do {
      json = try JSONValue.parse(UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]))
    } catch {
      throw refuse("its header is \(error)")
    }
    guard let members = json.objectValue else { throw refuse("its header is not a JSON object") }
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    for (name, value) in members {
      if name == "__metadata__" {
        guard let pairs = value.objectValue else { throw refuse("__metadata__ is not an object") }
        for (key, value) in pairs {
          guard let text = value.stringValue else { throw refuse("__metadata__ \"\(key)\" is not a string") }
          metadata[key] = text
        }
      } else {
        entries.append(try Self.entry(name, value, dataStart: dataStart, refuse))
      }
    }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = dataStart
    for entry in entries {
      guard entry.range.lowerBound == end else {
        throw refuse("the data of \"\(entry.name)\" does not start where the previous tensor ends")
      }
      end = entry.range.upperBound
    }
    guard end <= bytes.count else { throw refuse("its data is cut: \(end - bytes.count) bytes are missing") }
    guard end == bytes.count else { throw refuse("\(bytes.count - end) bytes behind the last tensor") }
    guard Set(entries.map(\.name)).count == entries.count else { throw refuse("a tensor name is repeated") }
    self.entries = entries
    self.metadata = metadata
  }

  private static func entry(
    _ name: String, _ value: JSONValue, dataStart: Int, _ refuse: (String) -> CheckpointError
  ) throws -> Entry {
    guard let type = value["dtype"]?.stringValue else { throw refuse("\"\(name)\" has no dtype") }
    guard let dtype = DType(rawValue: type) else { throw refuse("\"\(name)\" has the unknown dtype \(type)") }
    guard let dimensions = integers(value["shape"]) else {
      throw refuse("the shape of \"\(name)\" is not a list of sizes")
    }
    guard let offsets = integers(value["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
      throw refuse("the data_offsets of \"\(name)\" are not two rising offsets")
    }
    guard let count = Shape.checkedElementCount(dimensions),
      case let (size, overflow) = count.multipliedReportingOverflow(by: dtype.byteCount), !overflow
    else { throw refuse("the shape \(dimensions) of \"\(name)\" is too large") }
    guard size == offsets[1] - offsets[0] else {
      throw refuse("\"\(name)\" needs \(size) bytes but has \(offsets[1] - offsets[0])")
    }
    guard offsets[1] <= Int.max - dataStart else { throw refuse("the data_offsets of \"\(name)\" are too large") }
    return Entry(
      name: name, dtype: dtype, shape: Shape(dimensions), range: (dataStart + offsets[0])..<(dataStart + offsets[1]))
  }

  /// A list of non-negative integer literals.
  private static func integers(_ value: JSONValue?) -> [Int]? {
    guard let elements = value?.arrayValue else { return nil }
    var integers: [Int] = []
    for element in elements {
      guard case .integer(let integer) = element, integer >= 0 else { return nil }
      integers.append(integer)
    }
    return integers
  }
}
