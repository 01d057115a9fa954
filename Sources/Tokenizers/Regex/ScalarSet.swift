/// A set of Unicode scalars, as a class of a regular expression gives it.
struct ScalarSet: Sendable, Equatable {
  /// The first 128 scalars, one bit each.
  private(set) var ascii: (low: UInt64, high: UInt64) = (0, 0)
  /// Bits of `ScalarCategory`: a scalar with one of them is in the set.
  private var categories: UInt32 = 0
  /// A scalar without any of the bits of one of these is in the set (`\P{…}`, `\S`, `\W`, `\D`).
  private var complements: [UInt32] = []
  private var ranges: [ClosedRange<UInt32>] = []
  private var isNegated = false
  /// Scalars must be in this set, too (`&&`).
  private var intersections: [ScalarSet] = []

  /// Whether the set has the scalar.
  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return ascii.low >> UInt64(scalar) & 1 != 0 }
    if scalar < 128 { return ascii.high >> UInt64(scalar - 64) & 1 != 0 }
    return computes(scalar)
  }

  private func computes(_ scalar: UInt32) -> Bool {
    var found = false
    if categories != 0 || !complements.isEmpty {
      let bits = ScalarCategory.bits(of: scalar)
      found = bits & categories != 0 || complements.contains { bits & $0 == 0 }
    }
    if !found { found = ranges.contains { $0.contains(scalar) } }
    if found { found = intersections.allSatisfy { $0.contains(scalar) } }
    return found != isNegated
  }

  /// Whether nothing was added yet.
  var isEmpty: Bool {
    categories == 0 && complements.isEmpty && ranges.isEmpty && intersections.isEmpty && !isNegated
  }

  /// Whether more can be added: what is negated or intersected is complete.
  var isPlain: Bool { intersections.isEmpty && !isNegated }

  /// Adds the scalars with one of these category bits.
  mutating func insert(categories bits: UInt32) { categories |= bits }

  /// Adds the scalars with none of these category bits.
  mutating func insert(complementOf bits: UInt32) { complements.append(bits) }

  /// Adds a range.
  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

  /// Adds the scalars of a set that has neither been negated nor intersected; false where it has.
  mutating func formUnion(_ other: ScalarSet) -> Bool {
    guard other.isPlain else { return false }
    categories |= other.categories
    complements += other.complements
    ranges += other.ranges
    return true
  }

  /// Keeps the scalars that the other set has, too.
  mutating func formIntersection(_ other: ScalarSet) { intersections.append(other) }

  /// Takes what is not in the set instead.
  mutating func negate() { isNegated.toggle() }

  /// Adds the other case of the letters of the set. Only ASCII letters, with U+017F for `s` and U+212A for `k`.
  mutating func ignoreCase() {
    for letter in UInt32(0x61)...0x7a {
      let upper = letter - 0x20
      guard ranges.contains(where: { $0.contains(letter) || $0.contains(upper) }) else { continue }
      ranges += [letter...letter, upper...upper]
      if letter == 0x73 { ranges.append(0x17f...0x17f) }
      if letter == 0x6b { ranges.append(0x212a...0x212a) }
    }
  }

  /// Which of the bytes from 0xC0 on begin scalars of the set, one bit each; perhaps more where it is not all ranges.
  var leads: UInt64 {
    guard categories == 0, complements.isEmpty, isPlain else { return .max }
    var leads: UInt64 = 0
    for range in ranges where range.upperBound >= 0x80 {
      let bytes = UTF8Scalar.lead(max(range.lowerBound, 0x80))...UTF8Scalar.lead(range.upperBound)
      for byte in bytes { leads |= 1 << UInt64(byte & 63) }
    }
    return leads
  }

  /// Fills in the table of the first 128 scalars; to be called when the set is complete.
  mutating func finish() {
    for index in intersections.indices { intersections[index].finish() }
    ascii = (0, 0)
    for scalar in UInt32(0)..<64 where computes(scalar) { ascii.low |= 1 << UInt64(scalar) }
    for scalar in UInt32(64)..<128 where computes(scalar) { ascii.high |= 1 << UInt64(scalar - 64) }
  }

  static func == (left: ScalarSet, right: ScalarSet) -> Bool {
    left.ascii == right.ascii && left.categories == right.categories && left.complements == right.complements
      && left.ranges == right.ranges && left.isNegated == right.isNegated && left.intersections == right.intersections
  }

  /// Unified and compatibility ideographs of the script Han (Unicode 16, Scripts.txt).
  static let han: [ClosedRange<UInt32>] = [
    0x2e80...0x2e99, 0x2e9b...0x2ef3, 0x2f00...0x2fd5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029,
    0x3038...0x303b, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfa6d, 0xfa70...0xfad9, 0x16fe2...0x16fe3,
    0x16ff0...0x16ff1, 0x20000...0x2a6df, 0x2a700...0x2b739, 0x2b740...0x2b81d, 0x2b820...0x2cea1, 0x2ceb0...0x2ebe0,
    0x2ebf0...0x2ee5d, 0x2f800...0x2fa1d, 0x30000...0x3134a, 0x31350...0x323af,
  ]
}
