import Foundation
import Synchronization

/// Decompositions and compositions of Unicode scalars, asked of Foundation once and remembered.
enum UnicodeMappings {
  private struct Memory: Sendable {
    var decompositions: [UInt32: [UInt32]] = [:]
    var compositions: [UInt64: UInt32] = [:]
  }

  private static let canonical = Mutex(Memory())
  private static let compatible = Mutex(Memory())

  /// The canonical combining class.
  static func combiningClass(of scalar: UInt32) -> UInt8 {
    if scalar < 0x300 { return 0 }
    guard let properties = Unicode.Scalar(scalar)?.properties else { return 0 }
    let combiningClass = properties.canonicalCombiningClass.rawValue
    return combiningClass == 0 || !isKnown(properties) ? 0 : combiningClass
  }

  /// Whether Unicode 9 had the scalar: the tables of the `tokenizers` library are of that version.
  private static func isKnown(_ properties: Unicode.Scalar.Properties) -> Bool { properties.age?.major ?? 0 < 10 }

  /// The full decomposition of a scalar, canonical or compatible.
  static func decomposition(of scalar: UInt32, compatible isCompatible: Bool) -> [UInt32] {
    if scalar < 0xa0 { return [scalar] }
    if 0xac00...0xd7a3 ~= scalar { return Hangul.decomposition(of: scalar) }
    let compute = { (scalar: UInt32, memory: inout Memory) in
      if let known = memory.decompositions[scalar] { return known }
      guard let value = Unicode.Scalar(scalar), isKnown(value.properties) else { return [scalar] }
      let text = String(Character(value))
      let mapped =
        isCompatible ? text.decomposedStringWithCompatibilityMapping : text.decomposedStringWithCanonicalMapping
      let result = mapped.unicodeScalars.map(\.value)
      memory.decompositions[scalar] = result
      return result
    }
    return isCompatible
      ? compatible.withLock { compute(scalar, &$0) } : canonical.withLock { compute(scalar, &$0) }
  }

  /// The scalar that two scalars compose to, or nil.
  static func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
    if let syllable = Hangul.composition(of: first, second) { return syllable }
    if second < 0x300 { return nil }
    if first == 0xcca, second == 0xcd5 { return 0xccb }
    let key = UInt64(first) << 32 | UInt64(second)
    let found = canonical.withLock { memory in
      if let known = memory.compositions[key] { return known }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: [first, second].compactMap { Unicode.Scalar($0) })
      let composed = Array(String(text).precomposedStringWithCanonicalMapping.unicodeScalars)
      let result = composed.count == 1 ? composed[0].value : 0
      if memory.compositions.count > 50_000 { memory.compositions.removeAll() }
      memory.compositions[key] = result
      return result
    }
    return found == 0 ? nil : found
  }
}

/// Hangul syllables (Unicode Standard, section 3.12).
private enum Hangul {
  private static let syllables: UInt32 = 0xac00
  private static let leads: UInt32 = 0x1100
  private static let vowels: UInt32 = 0x1161
  private static let tails: UInt32 = 0x11a7

  static func decomposition(of syllable: UInt32) -> [UInt32] {
    let index = syllable - syllables
    let tail = index % 28
    let open = [leads + index / 588, vowels + index % 588 / 28]
    return tail == 0 ? open : open + [tails + tail]
  }

  static func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
    if 0x1100...0x1112 ~= first, 0x1161...0x1175 ~= second {
      return syllables + ((first - leads) * 21 + (second - vowels)) * 28
    }
    if 0xac00...0xd7a3 ~= first, (first - syllables) % 28 == 0, 0x11a8...0x11c2 ~= second {
      return first + (second - tails)
    }
    return nil
  }
}
