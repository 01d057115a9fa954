/// The classes of Unicode scalars that the split patterns speak of.
enum ScalarClass: UInt8 {
  /// None of the others.
  case other
  /// `\p{M}`
  case mark
  /// `\p{P}` or `\p{S}`
  case symbol
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s` but not a carriage return or line feed.
  case space
  /// `\r` or `\n`
  case newline

  /// `\s`
  @inline(__always)
  var isWhitespace: Bool { self == .space || self == .newline }

  /// `[^\s\p{L}\p{N}]`
  @inline(__always)
  var isOther: Bool { rawValue <= ScalarClass.symbol.rawValue }

  /// `[\p{L}\p{M}]`
  @inline(__always)
  var isLetterOrMark: Bool { self == .letter || self == .mark }

  /// The class of a scalar value.
  @inline(__always)
  static func of(_ scalar: UInt32) -> ScalarClass {
    if scalar < 0x10000 { return ScalarClassTable.basicPlane.classes[Int(scalar)] }
    return computed(scalar)
  }

  @inline(never)
  fileprivate static func computed(_ value: UInt32) -> ScalarClass {
    if value == 0x0a || value == 0x0d { return .newline }
    let bits = ScalarCategory.bits(of: value)
    if bits & ScalarCategory.whitespace != 0 { return .space }
    if bits & ScalarCategory.letter != 0 { return .letter }
    if bits & ScalarCategory.number != 0 { return .number }
    if bits & ScalarCategory.mark != 0 { return .mark }
    return bits & (ScalarCategory.punctuation | ScalarCategory.symbol) != 0 ? .symbol : .other
  }
}

/// The classes of U+0000 to U+FFFF, at an address that never moves: scanners read it for every scalar.
struct ScalarClassTable: @unchecked Sendable {
  /// Written once below, only read afterwards.
  let classes: UnsafePointer<ScalarClass>

  static let basicPlane: ScalarClassTable = {
    let memory = UnsafeMutablePointer<ScalarClass>.allocate(capacity: 0x10000)
    for value in 0..<0x10000 { (memory + value).initialize(to: ScalarClass.computed(UInt32(value))) }
    return ScalarClassTable(classes: memory)
  }()
}
