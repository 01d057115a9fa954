/// Runs a program over one text after another; its work is bounded, so that no pattern can hang.
struct RegexMatcher {
  /// The bound on the work was reached.
  struct Exhausted: Error {}

  private struct Frame {
    var instruction: Int
    var position: Int
    /// Where a repetition may go back to, or −1 for a frame without one; −2 restores a mark.
    var limit: Int
  }

  private let program: RegexProgram
  private let instructions: [RegexProgram.Instruction]
  private var text = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  private var frames: [Frame] = []
  private var marks: [Int]
  private var budget = 0

  /// A matcher of a program.
  init(_ program: RegexProgram) {
    self.program = program
    instructions = program.instructions
    marks = Array(repeating: -1, count: program.markCount)
  }

  /// The ranges of all matches from left to right in a text, whose end counts as the end; an empty one counts unless the
  /// match before it ends there.
  mutating func matches(in text: UnsafeBufferPointer<UInt8>) throws(Exhausted) -> [Range<Int>] {
    self.text = text
    budget = 2_000_000 + 400 * text.count
    var result: [Range<Int>] = []
    var start = 0
    while start < text.count {
      start = program.starts.withUnsafeBufferPointer { starts in
        var start = start
        while start < text.count, !starts[Int(text[start])] { start += 1 }
        return start
      }
      if start == text.count { break }
      if let end = try match(at: start), end > start || result.last?.upperBound != start {
        result.append(start..<end)
        if end > start {
          start = end
          continue
        }
      }
      start += UTF8Scalar.length(lead: text[start])
    }
    if program.first.isNullable, result.last?.upperBound != start, try match(at: start) != nil {
      result.append(start..<start)
    }
    return result
  }

  private mutating func match(at start: Int) throws(Exhausted) -> Int? {
    frames.removeAll(keepingCapacity: true)
    return try run(from: 0, at: start, base: 0)
  }

  /// Runs to `match` or `done`; leaves only the frames below `base`.
  private mutating func run(from first: Int, at start: Int, base: Int) throws(Exhausted) -> Int? {
    var instruction = first
    var position = start
    while true {
      budget -= 1
      if budget < 0 { throw Exhausted() }
      var succeeded = true
      switch instructions[instruction] {
      case .match, .done:
        frames.removeLast(frames.count - base)
        return position
      case .set(let set):
        if position < text.count {
          let (scalar, length) = UTF8Scalar.decode(text, at: position)
          succeeded = program.sets[set].contains(scalar)
          position += length
        } else {
          succeeded = false
        }
        instruction += 1
      case .repeatedSet(let set, let minimum, let maximum, let greed):
        succeeded = repeatSet(set, minimum, maximum, greed, instruction, &position)
        instruction += 1
      case .fork(let here, let other):
        frames.append(Frame(instruction: other, position: position, limit: -1))
        instruction = here
      case .choice(let first, let here, let other):
        if position < text.count ? first.allows(text[position]) : first.isNullable {
          frames.append(Frame(instruction: other, position: position, limit: -1))
          instruction = here
        } else {
          instruction = other
        }
      case .jump(let target): instruction = target
      case .place(let place):
        succeeded = holds(place, at: position)
        instruction += 1
      case .mark(let mark):
        frames.append(Frame(instruction: mark, position: marks[mark], limit: -2))
        marks[mark] = position
        instruction += 1
      case .progress(let mark):
        succeeded = position > marks[mark]
        instruction += 1
      case .look(let negative, let next):
        let found = try run(from: instruction + 1, at: position, base: frames.count) != nil
        succeeded = found != negative
        instruction = next
      case .atomic(let next):
        let end = try run(from: instruction + 1, at: position, base: frames.count)
        succeeded = end != nil
        position = end ?? position
        instruction = next
      }
      if !succeeded {
        guard let resumed = backtrack(base) else { return nil }
        (instruction, position) = resumed
      }
    }
  }

  private mutating func backtrack(_ base: Int) -> (instruction: Int, position: Int)? {
    while frames.count > base, let frame = frames.last {
      if frame.limit == -2 {
        marks[frame.instruction] = frame.position
        frames.removeLast()
        continue
      }
      if frame.limit == -1 {
        frames.removeLast()
        return (frame.instruction, frame.position)
      }
      if case .repeatedSet(let set, _, _, .lazy) = program.instructions[frame.instruction] {
        // The frame of a lazy repetition takes one scalar more; its limit counts those still allowed.
        guard frame.limit > 0, frame.position < text.count else {
          frames.removeLast()
          continue
        }
        let (scalar, length) = UTF8Scalar.decode(text, at: frame.position)
        guard program.sets[set].contains(scalar) else {
          frames.removeLast()
          continue
        }
        frames[frames.count - 1].position += length
        frames[frames.count - 1].limit -= 1
        return (frame.instruction + 1, frame.position + length)
      }
      guard frame.position > frame.limit else {
        frames.removeLast()
        continue
      }
      let position = UTF8Scalar.start(before: frame.position, in: text)
      frames[frames.count - 1].position = position
      return (frame.instruction + 1, position)
    }
    return nil
  }

  @inline(__always)
  private mutating func repeatSet(
    _ index: Int, _ minimum: Int, _ maximum: Int, _ greed: RegexSyntax.Greed, _ instruction: Int, _ position: inout Int
  ) -> Bool {
    let wanted = greed == .lazy ? minimum : maximum
    var count = 0
    var lowest = position
    return program.sets.withUnsafeBufferPointer { sets in
      while count < wanted, position < text.count {
        let (scalar, length) = UTF8Scalar.decode(text, at: position)
        guard sets[index].contains(scalar) else { break }
        position += length
        count += 1
        if count == minimum { lowest = position }
      }
      guard count >= minimum else { return false }
      budget -= count >> 3
      if greed == .lazy {
        if maximum > minimum {
          let more = maximum == .max ? Int.max : maximum - minimum
          frames.append(Frame(instruction: instruction, position: position, limit: more))
        }
      } else if greed == .greedy, position > lowest {
        frames.append(Frame(instruction: instruction, position: position, limit: lowest))
      }
      return true
    }
  }

  private func holds(_ place: RegexSyntax.Place, at position: Int) -> Bool {
    switch place {
    case .textStart: position == 0
    case .textEnd: position == text.count
    case .textEndOrNewline:
      position == text.count || (position == text.count - 1 && text[position] == 0x0a)
    case .lineStart: position == 0 || text[position - 1] == 0x0a
    case .lineEnd: position == text.count || text[position] == 0x0a
    case .wordBoundary: isWord(before: position) != isWord(at: position)
    case .noWordBoundary: isWord(before: position) == isWord(at: position)
    }
  }

  private func isWord(at position: Int) -> Bool {
    guard position < text.count else { return false }
    return ScalarCategory.bits(of: UTF8Scalar.decode(text, at: position).scalar) & ScalarCategory.word != 0
  }

  private func isWord(before position: Int) -> Bool {
    position > 0 && isWord(at: UTF8Scalar.start(before: position, in: text))
  }
}
