/// The steps that cut text into the words that the model encodes one by one.
struct PreTokenizer: Sendable {
  /// One step; each cuts the pieces of the step before it.
  enum Step: Sendable {
    /// Cuts out numbers, each alone or in runs.
    case digits(individual: Bool)
    /// A pattern that covers the whole text.
    case known(KnownPattern)
    case expression(RegularExpressionPattern, SplitBehavior, inverted: Bool)
    case literal([UInt8], SplitBehavior, inverted: Bool)
    /// Puts a space before pieces that lack one.
    case prefixSpace
    case metaspace(Metaspace)
  }

  let steps: [Step]

  /// Whether a step changes the text.
  var changesText: Bool {
    steps.contains {
      switch $0 {
      case .prefixSpace, .metaspace: true
      default: false
      }
    }
  }

  /// Cuts the pieces; `text` changes only where `changesText` says so.
  func split(_ text: inout AlignedText, _ pieces: inout [Range<Int>]) {
    for step in steps {
      switch step {
      case .prefixSpace:
        text.prefixSpaces(&pieces)
        continue
      case .metaspace(let metaspace):
        metaspace.apply(to: &text, &pieces)
        continue
      default: break
      }
      var result: [Range<Int>] = []
      result.reserveCapacity(pieces.count)
      text.bytes.withUnsafeBufferPointer { bytes in
        for piece in pieces where !piece.isEmpty { apply(step, bytes, piece, &result) }
      }
      pieces = result
    }
  }

  private func apply(
    _ step: Step, _ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, _ result: inout [Range<Int>]
  ) {
    switch step {
    case .prefixSpace, .metaspace: result.append(piece)
    case .known(let pattern): pattern.split(bytes, piece, into: &result)
    case .digits(let individual): splitDigits(bytes, piece, individual: individual, &result)
    case .expression(let expression, let behavior, let inverted):
      behavior.apply(expression.matches(bytes, piece), to: piece, inverted: inverted, into: &result)
    case .literal(let literal, let behavior, let inverted):
      behavior.apply(occurrences(of: literal, bytes, piece), to: piece, inverted: inverted, into: &result)
    }
  }

  private func splitDigits(
    _ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, individual: Bool, _ result: inout [Range<Int>]
  ) {
    var start = piece.lowerBound
    var index = start
    var inNumber = false
    while index < piece.upperBound {
      let (scalar, length) = UTF8Scalar.decode(bytes, at: index)
      let isNumber = ScalarClass.of(scalar) == .number
      if start < index, isNumber != inNumber || (isNumber && individual) {
        result.append(start..<index)
        start = index
      }
      inNumber = isNumber
      index += length
    }
    if start < index { result.append(start..<index) }
  }

  private func occurrences(
    of literal: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>
  ) -> [Range<Int>] {
    guard !literal.isEmpty else { return [] }
    var result: [Range<Int>] = []
    var index = piece.lowerBound
    while index + literal.count <= piece.upperBound {
      if bytes[index..<index + literal.count].elementsEqual(literal) {
        result.append(index..<index + literal.count)
        index += literal.count
      } else {
        index += 1
      }
    }
    return result
  }
}
