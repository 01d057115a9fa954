import JSONReader

/// The entries of an object of a record; what is nil is left out.
struct RecordFields {
  private var entries: [(key: String, value: JSONValue)] = []

  mutating func add(_ key: String, _ value: JSONValue?) {
    if let value { entries.append((key, value)) }
  }
  mutating func add(_ key: String, _ value: String?) { add(key, value.map(JSONValue.string)) }
  mutating func add(_ key: String, _ value: Int?) { add(key, value.map(JSONValue.integer)) }
  mutating func add(_ key: String, _ value: Double?) { add(key, value.map(JSONValue.number)) }

  var object: JSONValue { .object(entries) }
}

/// Reads the entries of an object of a record; errors name the whole path to an entry.
struct RecordReader {
  private let json: JSONValue
  private let path: String

  init(_ json: JSONValue, path: String) {
    self.json = json
    self.path = path
  }

  func text(_ key: String) throws -> String { try required(key, json[key]?.stringValue, "a text") }
  func integer(_ key: String) throws -> Int { try required(key, json[key]?.intValue, "an integer") }
  func bool(_ key: String) throws -> Bool { try required(key, json[key]?.boolValue, "true or false") }

  /// A number; null stands for one that is infinite or none.
  func number(_ key: String) throws -> Double {
    if case .null? = json[key] { return .nan }
    return try required(key, json[key]?.doubleValue, "a number")
  }

  func numbers(_ key: String) throws -> [Double] {
    try required(key, json[key]?.arrayValue?.map(\.doubleValue).complete(), "a list of numbers")
  }

  func integers(_ key: String) throws -> [Int] {
    try required(key, json[key]?.arrayValue?.map(\.intValue).complete(), "a list of integers")
  }

  /// The object under a key, or nil where there is none.
  func part(_ key: String) throws -> RecordReader? {
    switch json[key] {
    case nil, .null: nil
    case .object?: RecordReader(json[key] ?? .null, path: path + key + ".")
    default: throw wrong(key, "an object")
    }
  }

  func has(_ key: String) -> Bool { json[key] != nil }

  /// The objects under all keys.
  var members: [(key: String, value: RecordReader)] {
    (json.objectValue ?? []).map { ($0.key, RecordReader($0.value, path: path + $0.key + ".")) }
  }

  /// The objects of a list.
  func parts(_ key: String) throws -> [RecordReader] {
    try required(key, json[key]?.arrayValue, "a list").enumerated().map {
      RecordReader($1, path: "\(path)\(key)[\($0)].")
    }
  }

  func optionalNumber(_ key: String) -> Double? { json[key]?.doubleValue }
  func optionalInteger(_ key: String) -> Int? { json[key]?.intValue }
  func optionalText(_ key: String) -> String? { json[key]?.stringValue }

  private func required<Value>(_ key: String, _ value: Value?, _ kind: String) throws -> Value {
    guard let value else { throw wrong(key, kind) }
    return value
  }

  private func wrong(_ key: String, _ kind: String) -> EvaluationError {
    EvaluationError(.badRecord, "\"\(path)\(key)\" of an evaluation record is missing or not \(kind)")
  }
}

extension Array {
  /// The values, or nil if one is missing.
  fileprivate func complete<Value>() -> [Value]? where Element == Value? {
    let values = compactMap { $0 }
    return values.count == count ? values : nil
  }
}
