/// The Unicode normalization forms (Unicode Standard Annex 15).
enum NormalizationForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  private var isCompatible: Bool { self == .nfkc || self == .nfkd }
  private var composes: Bool { self == .nfc || self == .nfkc }

  /// A scalar of the result: in the place of one of the text (0), beside it (1), or of one and more after it (below 0).
  struct Element {
    var scalar: UInt32
    var change: Int
    var combiningClass: UInt8
  }

  /// Brings the text into this form.
  ///
  /// Only runs of scalars that the form may touch are worked on, each with the scalar before it.
  func apply(to text: inout AlignedText) {
    var rewriter: TextRewriter?
    let bytes = text.bytes
    bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      var previous = 0
      while index < bytes.count {
        let (scalar, length) = UTF8Scalar.decode(bytes, at: index)
        if isInert(scalar) {
          previous = index
          index += length
          continue
        }
        var end = index + length
        while end < bytes.count {
          let (next, length) = UTF8Scalar.decode(bytes, at: end)
          if isInert(next) { break }
          end += length
        }
        var active = rewriter ?? TextRewriter(text)
        let start = max(previous, active.position)
        active.keep(upTo: start)
        for element in normalized(UnsafeBufferPointer(rebasing: bytes[start..<end])) {
          active.emit(element.scalar, change: element.change)
        }
        active.skip(to: end)
        rewriter = active
        previous = end
        index = end
      }
    }
    guard var rewriter else { return }
    rewriter.keep(upTo: text.bytes.count)
    text = rewriter.finish()
  }

  private func normalized(_ bytes: UnsafeBufferPointer<UInt8>) -> [Element] {
    var elements: [Element] = []
    var index = 0
    while index < bytes.count {
      let (scalar, length) = UTF8Scalar.decode(bytes, at: index)
      for (position, part) in UnicodeMappings.decomposition(of: scalar, compatible: isCompatible).enumerated() {
        let combiningClass = UnicodeMappings.combiningClass(of: part)
        elements.append(Element(scalar: part, change: position == 0 ? 0 : 1, combiningClass: combiningClass))
      }
      index += length
    }
    order(&elements)
    return composes ? composed(elements) : elements
  }

  /// The Canonical Ordering Algorithm (Unicode Standard, section 3.11).
  private func order(_ elements: inout [Element]) {
    var start = 0
    while start < elements.count {
      var end = start + 1
      if elements[start].combiningClass != 0 {
        while end < elements.count, elements[end].combiningClass != 0 { end += 1 }
        let run = elements[start..<end].enumerated().sorted {
          ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
        }
        elements.replaceSubrange(start..<end, with: run.map(\.element))
      }
      start = end
    }
  }

  /// The Canonical Composition Algorithm (Unicode Standard, section 3.11).
  private func composed(_ elements: [Element]) -> [Element] {
    var result: [Element] = []
    var starter: Int?
    var lastClass: UInt8?
    for element in elements {
      if let index = starter {
        let isBlocked = lastClass.map { $0 >= element.combiningClass } ?? false
        if !isBlocked, let scalar = UnicodeMappings.composition(of: result[index].scalar, element.scalar) {
          result[index].scalar = scalar
          result[index].change += element.change - 1
          continue
        }
      }
      if element.combiningClass == 0 {
        starter = result.count
        lastClass = nil
      } else {
        lastClass = element.combiningClass
      }
      result.append(element)
    }
    return result
  }

  /// Whether the form never changes the scalar, and never what is before it on its account.
  private func isInert(_ scalar: UInt32) -> Bool {
    switch self {
    case .nfc:
      if scalar < 0x300 { return true }
      return Self.composedRanges.contains { $0.contains(scalar) }
    case .nfkc:
      if scalar < 0xa0 { return true }
      return Self.compatibleRanges.contains { $0.contains(scalar) }
    case .nfd: return scalar < 0xc0 || Self.decomposedRanges.contains { $0.contains(scalar) }
    case .nfkd: return scalar < 0xa0 || Self.decomposedRanges.contains { $0.contains(scalar) }
    }
  }

  private static let composedRanges: [ClosedRange<UInt32>] = [
    0x4e00...0x9fff, 0x3041...0x3096, 0x30a1...0x30ff, 0xac00...0xd7a3, 0x400...0x482, 0x48a...0x52f, 0x388...0x3ff,
    0x620...0x64a, 0x660...0x66f, 0x671...0x6d3, 0x5d0...0x5ea, 0x904...0x939, 0xe01...0xe37, 0xe40...0xe47,
    0x2010...0x2027, 0x2030...0x205e, 0x20a0...0x20bf, 0x2100...0x2125, 0x212c...0x2328, 0x2330...0x2ad0,
    0x3000...0x3029, 0x1e00...0x1eff, 0xff01...0xffef, 0x1f000...0x1faff, 0x10a0...0x10ff, 0x531...0x556,
    0x561...0x587, 0x3400...0x4dbf, 0x20000...0x2f7ff,
  ]

  private static let compatibleRanges: [ClosedRange<UInt32>] = [
    0x4e00...0x9fff, 0x3041...0x3096, 0x30a1...0x30fe, 0xac00...0xd7a3, 0x400...0x482, 0x48a...0x52f, 0xc0...0x131,
    0x134...0x13e, 0x141...0x148, 0x14a...0x17e, 0x391...0x3ce, 0x620...0x64a, 0x660...0x66f, 0x5d0...0x5ea,
    0x904...0x939, 0xe01...0xe32, 0x2018...0x2022, 0x1f300...0x1faff, 0x3400...0x4dbf, 0x20000...0x2f7ff,
  ]

  private static let decomposedRanges: [ClosedRange<UInt32>] = [
    0x4e00...0x9fff, 0x41a...0x438, 0x43a...0x44f, 0x3041...0x304b, 0x5d0...0x5ea, 0xe01...0xe32, 0x2018...0x2022,
    0x1f300...0x1faff, 0x3400...0x4dbf, 0x20000...0x2f7ff,
  ]
}
