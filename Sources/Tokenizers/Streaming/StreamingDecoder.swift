/// The steps of a `TokenDecoder`, run on tokens as they come.
struct StreamingDecoder: Sendable {
  /// A step with what it must remember.
  private enum Stage: Sendable {
    case joining(isFirst: Bool)
    /// A step that looks at one token at a time.
    case single(TokenDecoder.Step)
    case byteFallback(ByteRun)
    case metaspace([UInt8], dropsFirst: Bool, isFirst: Bool)
    case wordPiece(prefix: [UInt8], cleansUp: Bool, isFirst: Bool)
    case wordEnd(suffix: [UInt8], held: [UInt8]?)
    case temporalClassification(padding: [UInt8], delimiter: [UInt8], cleansUp: Bool, last: [UInt8]?)
    /// Drops scalars at the ends of the whole text.
    case strip(StreamStrip)
    case byteLevel
  }

  private var stages: [Stage] = []
  private var decoder = IncrementalUTF8Decoder()
  /// Where the steps cannot be run as tokens come: all tokens, to be decoded at the end.
  private var held: (decoder: TokenDecoder, tokens: [[UInt8]])?

  /// The steps at the start of a text.
  init(_ tokenDecoder: TokenDecoder) {
    guard let steps = tokenDecoder.steps else {
      stages = [.joining(isFirst: true)]
      return
    }
    var isFused = false
    for step in steps {
      switch step {
      case .fuse: isFused = true
      case .strip(let content, let start, let stop) where isFused:
        stages.append(.strip(StreamStrip(content: content, start: start, stop: stop)))
      case .byteLevel where !isFused:
        isFused = true
        stages.append(.byteLevel)
      case _ where isFused:
        held = (tokenDecoder, [])
        return
      case .byteFallback: stages.append(.byteFallback(ByteRun()))
      case .metaspace(let mark, let dropsFirst):
        stages.append(.metaspace(mark, dropsFirst: dropsFirst, isFirst: true))
      case .wordPiece(let prefix, let cleansUp):
        stages.append(.wordPiece(prefix: prefix, cleansUp: cleansUp, isFirst: true))
      case .wordEnd(let suffix): stages.append(.wordEnd(suffix: suffix, held: nil))
      case .temporalClassification(let padding, let delimiter, let cleansUp):
        stages.append(
          .temporalClassification(padding: padding, delimiter: delimiter, cleansUp: cleansUp, last: nil))
      default: stages.append(.single(step))
      }
    }
    // After a byte-level step, text may be cut inside a character: stripping it needs the whole.
    let isByteLevel = steps.contains { if case .byteLevel = $0 { true } else { false } }
    if isByteLevel, steps.count > 1 { held = (tokenDecoder, []) }
  }

  /// Takes a token and returns the text that is certain now.
  mutating func append(_ token: [UInt8]) -> String {
    guard held == nil else {
      held?.tokens.append(token)
      return ""
    }
    return decoder.append(run([token], from: 0))
  }

  /// Ends the text.
  mutating func finish() -> String {
    if let held {
      self.held = (held.decoder, [])
      return String(decoding: (try? held.decoder.decode(held.tokens)) ?? Array(held.tokens.joined()), as: UTF8.self)
    }
    var text: [UInt8] = []
    for index in stages.indices {
      let rest: [[UInt8]]
      switch stages[index] {
      case .byteFallback(var bytes):
        rest = bytes.end()
        stages[index] = .byteFallback(bytes)
      case .wordEnd(let suffix, let held?):
        rest = [held.replacing(suffix, with: [])]
        stages[index] = .wordEnd(suffix: suffix, held: nil)
      default: continue
      }
      text += run(rest, from: index + 1)
    }
    return decoder.append(text) + decoder.finish()
  }

  private mutating func run(_ tokens: [[UInt8]], from first: Int) -> [UInt8] {
    let given = tokens
    var tokens = tokens
    let limit = GrowthLimit(of: tokens.reduce(0) { $0 + $1.count })
    for index in first..<max(first, stages.count) {
      if tokens.isEmpty { return [] }
      tokens = tokens.flatMap { step(index, $0) }
      // Tokens that grow without measure are shown as they are spelled, as `decode` does.
      if (try? limit.check(tokens.reduce(0) { $0 + $1.count })) == nil { return Array(given.joined()) }
    }
    return Array(tokens.joined())
  }

  private mutating func step(_ index: Int, _ token: [UInt8]) -> [[UInt8]] {
    switch stages[index] {
    case .joining(let isFirst):
      stages[index] = .joining(isFirst: false)
      return [isFirst ? token : [0x20] + token]
    case .single(let step): return (try? step.apply(to: [token])) ?? [token]
    case .byteLevel: return [token.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? token]
    case .byteFallback(var run):
      defer { stages[index] = .byteFallback(run) }
      if let byte = TokenDecoder.Step.byte(of: token) { return run.append(byte) }
      return run.end() + [token]
    case .metaspace(let mark, let dropsFirst, let isFirst):
      stages[index] = .metaspace(mark, dropsFirst: dropsFirst, isFirst: false)
      return [token.replacing(mark, with: isFirst && dropsFirst ? [] : [0x20])]
    case .wordPiece(let prefix, let cleansUp, let isFirst):
      stages[index] = .wordPiece(prefix: prefix, cleansUp: cleansUp, isFirst: false)
      return [TokenDecoder.Step.wordPiece(token, isFirst: isFirst, prefix, cleansUp)]
    case .wordEnd(let suffix, let held):
      stages[index] = .wordEnd(suffix: suffix, held: token)
      return held.map { [$0.replacing(suffix, with: [0x20])] } ?? []
    case .temporalClassification(let padding, let delimiter, let cleansUp, let last):
      stages[index] = .temporalClassification(padding: padding, delimiter: delimiter, cleansUp: cleansUp, last: token)
      if token == last { return [] }
      return TokenDecoder.Step.classified(token, padding, delimiter, cleansUp).map { [$0] } ?? []
    case .strip(var strip):
      defer { stages[index] = .strip(strip) }
      return [strip.append(token)]
    }
  }
}

/// A run of byte tokens, which as a whole is text or nothing but U+FFFD.
struct ByteRun: Sendable {
  private var pending: [UInt8] = []
  private var isBroken = false

  /// Takes a byte and returns what is certain now.
  mutating func append(_ byte: UInt8) -> [[UInt8]] {
    if isBroken { return [TokenDecoder.Step.replacements(1)] }
    pending.append(byte)
    switch IncrementalUTF8Decoder.state(of: pending) {
    case .complete:
      defer { pending.removeAll() }
      return [pending]
    case .incomplete: return []
    case .invalid:
      defer { pending.removeAll() }
      isBroken = true
      return [TokenDecoder.Step.replacements(pending.count)]
    }
  }

  /// Ends the run.
  mutating func end() -> [[UInt8]] {
    defer { self = ByteRun() }
    return pending.isEmpty ? [] : [TokenDecoder.Step.replacements(pending.count)]
  }
}

/// Drops scalars at the ends of a text that comes in parts.
struct StreamStrip: Sendable {
  let content: [UInt8]
  var start: Int
  let stop: Int
  private var held: [UInt8] = []

  init(content: [UInt8], start: Int, stop: Int) {
    self.content = content
    self.start = start
    self.stop = stop
  }

  /// Takes a part and returns what stays for certain.
  mutating func append(_ part: [UInt8]) -> [UInt8] {
    guard !content.isEmpty else { return part }
    var text = (held + part)[...]
    held = []
    while start > 0, !text.isEmpty {
      guard text.starts(with: content) else {
        start = 0
        break
      }
      text = text.dropFirst(content.count)
      start -= 1
    }
    var end = text.endIndex
    var count = 0
    while count < stop, end - text.startIndex >= content.count,
      text[end - content.count..<end].elementsEqual(content)
    {
      end -= content.count
      count += 1
    }
    held = Array(text[end...])
    return Array(text[..<end])
  }
}
