/// A dictionary that keeps the order of insertion, with Python's equality of keys.
public struct TemplateDictionary: Sendable {
  /// The keys in order of insertion.
  public private(set) var keys: [TemplateValue] = []
  /// The values, parallel to the keys.
  public private(set) var values: [TemplateValue] = []
  private var positions: [TemplateKey: Int] = [:]
  private(set) var depth = 1

  /// An empty dictionary.
  public init() {}

  /// A dictionary of pairs; a repeated key keeps its first place and its last value. Keys that cannot be hashed
  /// are dropped.
  public init(_ pairs: [(TemplateValue, TemplateValue)]) {
    for (key, value) in pairs { self[key] = value }
  }

  /// How many keys there are.
  public var count: Int { keys.count }

  /// The value of a key; setting appends a new key. Setting nil has no effect.
  public subscript(key: TemplateValue) -> TemplateValue? {
    get {
      guard let key = TemplateKey(key), let position = positions[key] else { return nil }
      return values[position]
    }
    set {
      guard let newValue, let hashed = TemplateKey(key) else { return }
      depth = max(depth, 1 + newValue.depth, 1 + key.depth)
      if let position = positions[hashed] {
        values[position] = newValue
      } else {
        positions[hashed] = keys.count
        keys.append(key)
        values.append(newValue)
      }
    }
  }

  /// The pairs in order.
  var pairs: [(key: TemplateValue, value: TemplateValue)] { zip(keys, values).map { (key: $0, value: $1) } }
}

/// A hashable key: numbers that are equal share one key, text compares by its scalars.
enum TemplateKey: Hashable, Sendable {
  case none
  case number(Double)
  case bigInteger(Int)
  case text(ScalarText)
  case tuple([TemplateKey])

  init?(_ value: TemplateValue) {
    switch value {
    case .none: self = .none
    case .bool(let flag): self = .number(flag ? 1 : 0)
    case .int(let integer):
      if let exact = Double(exactly: integer) { self = .number(exact) } else { self = .bigInteger(integer) }
    case .double(let number): self = .number(number)
    case .string(let text): self = .text(ScalarText(text))
    case .list(let list):
      guard list.isTuple else { return nil }
      var keys: [TemplateKey] = []
      for item in list.items {
        guard let key = TemplateKey(item) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    case .undefined, .dictionary, .object: return nil
    }
  }
}

/// Text that is equal only where its scalars are equal; Swift's `String` also equates canonical equivalents.
struct ScalarText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ScalarText, right: ScalarText) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

  func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}
