import Foundation
import JSONReader

/// The fields of a request, read with the rules of the interface: what is absent or null is nil, what has another type or
/// lies outside its range is an error that names the field. Unknown fields are ignored.
struct RequestFields {
  let json: JSONValue
  /// What field names begin with in messages, for instance `messages[2].`.
  var prefix = ""

  /// - Throws: `APIError` for what is no JSON object.
  init(_ body: [UInt8]) throws {
    do {
      json = try JSONValue.parse(body)
    } catch {
      throw APIError.invalid(nil, "the body is no JSON: \(error)")
    }
    guard json.objectValue != nil else { throw APIError.invalid(nil, "the body must be a JSON object") }
  }

  init(_ json: JSONValue, prefix: String) throws {
    self.json = json
    self.prefix = prefix
    guard json.objectValue != nil else {
      throw APIError.invalid(String(prefix.dropLast()), "\(prefix.dropLast()) must be an object")
    }
  }

  /// A field that is there and not null.
  subscript(name: String) -> JSONValue? {
    guard let value = json[name] else { return nil }
    if case .null = value { return nil }
    return value
  }

  func error(_ name: String, _ rule: String) -> APIError {
    APIError.invalid(prefix + name, "\(prefix)\(name) must be \(rule)")
  }

  func string(_ name: String) throws -> String? {
    guard let value = self[name] else { return nil }
    guard let text = value.stringValue else { throw error(name, "a string") }
    return text
  }

  func bool(_ name: String) throws -> Bool? {
    guard let value = self[name] else { return nil }
    guard case .bool(let flag) = value else { throw error(name, "true or false") }
    return flag
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = self[name] else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      let upper =
        range.upperBound == .max ? "of at least \(range.lowerBound)" : "in \(range.lowerBound)...\(range.upperBound)"
      throw error(name, "an integer \(upper)")
    }
    return number
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let value = self[name] else { return nil }
    let number: Double? =
      switch value {
      case .integer(let integer): Double(integer)
      case .number(let number): number
      default: nil
      }
    guard let number, number.isFinite, range.contains(number) else {
      let upper =
        range.upperBound == .greatestFiniteMagnitude
        ? "of at least \(range.lowerBound)" : "in \(range.lowerBound)...\(range.upperBound)"
      throw error(name, "a number \(upper)")
    }
    return number
  }

  /// A list of integers, all of at least 0.
  func integers(_ name: String) throws -> [Int]? {
    guard let value = self[name] else { return nil }
    guard let items = value.arrayValue else { throw error(name, "a list of integers") }
    return try items.map {
      guard case .integer(let id) = $0, id >= 0 else { throw error(name, "a list of integers of at least 0") }
      return id
    }
  }

  /// An object.
  func fields(_ name: String) throws -> RequestFields? {
    try self[name].map { try RequestFields($0, prefix: prefix + name + ".") }
  }
}
