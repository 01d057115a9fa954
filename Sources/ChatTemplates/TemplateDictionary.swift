/// A dictionary that keeps the order of insertion, with Python's equality of keys.
public struct TemplateDictionary: Sendable {
  private final class Storage: @unchecked Sendable {
    // Changed only while one dictionary refers to it.
    var keys: [TemplateValue] = []
    var values: [TemplateValue] = []
    /// The fingerprints of text keys, 0 for others; parallel to the keys.
    var fingerprints: [UInt64] = []
    /// Where each key is; kept only where there are too many keys to look through.
    var positions: [TemplateKey: Int] = [:]
    var depth: Int32 = 1
    var weight = 16

    init() {}

    init(copying other: Storage) {
      (keys, values, positions) = (other.keys, other.values, other.positions)
      fingerprints = other.fingerprints
      (depth, weight) = (other.depth, other.weight)
    }
  }

  /// The most keys that are looked through one by one.
  private static let scanned = 8

  private var storage = Storage()

  /// An empty dictionary.
  public init() {}

  /// A dictionary of pairs; a repeated key keeps its first place and its last value. Keys that cannot be hashed
  /// are dropped.
  public init(_ pairs: [(TemplateValue, TemplateValue)]) {
    for (key, value) in pairs { self[key] = value }
  }

  /// The keys in order of insertion.
  public var keys: [TemplateValue] { storage.keys }
  /// The values, parallel to the keys.
  public var values: [TemplateValue] { storage.values }
  /// How many keys there are.
  public var count: Int { storage.keys.count }

  var depth: Int32 { storage.depth }
  var weight: Int { storage.weight }

  /// The value of a key; setting appends a new key. Setting nil has no effect.
  public subscript(key: TemplateValue) -> TemplateValue? {
    get {
      if case .string(let text) = key { return self[text: text.string] }
      guard let key = TemplateKey(key), let position = position(of: key) else { return nil }
      return storage.values[position]
    }
    set {
      guard let newValue, let hashed = TemplateKey(key) else { return }
      if !isKnownUniquelyReferenced(&storage) { storage = Storage(copying: storage) }
      storage.depth = max(storage.depth, 1 + newValue.depth, 1 + key.depth)
      let position = position(of: hashed)
      let growth = newValue.weight - (position.map { storage.values[$0].weight } ?? -key.weight)
      storage.weight = storage.weight.advancedSafely(by: growth)
      if let position {
        storage.values[position] = newValue
        return
      }
      storage.keys.append(key)
      storage.fingerprints.append(key.text?.fingerprint ?? 0)
      storage.values.append(newValue)
      if count == Self.scanned + 1 {
        for (position, key) in storage.keys.enumerated() { TemplateKey(key).map { storage.positions[$0] = position } }
      } else if count > Self.scanned {
        storage.positions[hashed] = count - 1
      }
    }
  }

  /// The value of a text key.
  subscript(text text: String) -> TemplateValue? { value(of: text, text.fingerprint) }

  /// The value of a text key with a known fingerprint.
  func value(of text: String, _ fingerprint: UInt64) -> TemplateValue? {
    guard count <= Self.scanned else {
      return storage.positions[.text(ScalarText(text))].map { storage.values[$0] }
    }
    for position in storage.fingerprints.indices where storage.fingerprints[position] == fingerprint {
      if case .string(let key) = storage.keys[position], key.string.hasSameScalars(as: text) {
        return storage.values[position]
      }
    }
    return nil
  }

  private func position(of key: TemplateKey) -> Int? {
    if count > Self.scanned { return storage.positions[key] }
    return storage.keys.firstIndex { TemplateKey($0) == key }
  }

  /// The pairs in order.
  var pairs: [(key: TemplateValue, value: TemplateValue)] {
    zip(storage.keys, storage.values).map { (key: $0, value: $1) }
  }

  /// The pairs as tuples.
  var tuples: [TemplateValue] { zip(storage.keys, storage.values).map { .tuple([$0, $1]) } }
}

/// A hashable key: numbers that are equal share one key, text compares by its scalars.
enum TemplateKey: Hashable, Sendable {
  case undefined
  case none
  case number(Double)
  case bigInteger(BigInteger)
  case text(ScalarText)
  case tuple([TemplateKey])
  case object(ObjectIdentifier)

  init?(_ value: TemplateValue) {
    switch value {
    case .undefined: self = .undefined
    case .none: self = .none
    case .bool(let flag): self = .number(flag ? 1 : 0)
    case .int(let integer):
      self = Double(exactly: integer).map { .number($0) } ?? .bigInteger(BigInteger(integer))
    case .bigInteger(let integer):
      self = BigInteger(integer.double) == integer ? .number(integer.double) : .bigInteger(integer)
    case .double(let number): self = .number(number)
    case .string(let text): self = .text(ScalarText(text.string))
    case .list(let list):
      guard list.isTuple else { return nil }
      var keys: [TemplateKey] = []
      for item in list.items {
        guard let key = TemplateKey(item) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    case .object(let object): self = .object(ObjectIdentifier(object))
    case .dictionary: return nil
    }
  }
}

/// Text that is equal only where its scalars are equal; Swift's `String` also equates canonical equivalents.
struct ScalarText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ScalarText, right: ScalarText) -> Bool { left.text.hasSameScalars(as: right.text) }

  func hash(into hasher: inout Hasher) {
    let isHashed: Void? = text.utf8.withContiguousStorageIfAvailable { bytes in
      hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
    }
    if isHashed == nil { for byte in text.utf8 { hasher.combine(byte) } }
  }
}
