/// A regular expression as instructions for a backtracking machine.
struct RegexProgram: Sendable {
  enum Instruction: Sendable {
    case set(Int)
    case repeatedSet(Int, minimum: Int, maximum: Int, RegexSyntax.Greed)
    /// Goes to the first place, and to the second if that fails.
    case fork(Int, Int)
    /// As `fork`, but straight to the second where the first cannot begin with what comes.
    case choice(FirstBytes, Int, Int)
    case jump(Int)
    /// Runs the code up to `done` on its own; goes on at `next` if it matched (or did not, where negative).
    case look(negative: Bool, next: Int)
    case atomic(next: Int)
    case done
    case place(RegexSyntax.Place)
    /// Notes where a round of a loop began.
    case mark(Int)
    /// Goes on only if the round that began at the mark took something.
    case progress(Int)
    case match
  }

  private static let sizeLimit = 20_000

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var markCount = 0
  /// What a match can begin with.
  let first: FirstBytes
  /// Whether a match can begin with each byte.
  let starts: [Bool]

  /// Compiles a tree; nil where it would be too long.
  init?(_ tree: RegexSyntax) {
    let first = FirstBytes(tree)
    self.first = first
    starts = (0...UInt8.max).map(first.allows)
    guard emit(tree) else { return nil }
    instructions.append(.match)
  }

  private mutating func index(of set: ScalarSet) -> Int {
    if let index = sets.firstIndex(of: set) { return index }
    sets.append(set)
    return sets.count - 1
  }

  private mutating func emit(_ tree: RegexSyntax) -> Bool {
    guard instructions.count < Self.sizeLimit else { return false }
    switch tree {
    case .empty: return true
    case .set(let set): instructions.append(.set(index(of: set)))
    case .sequence(let items): return items.allSatisfy { emit($0) }
    case .place(let place): instructions.append(.place(place))
    case .alternation(let branches): return emit(alternation: branches)
    case .look(let inner, let negative):
      let start = instructions.count
      instructions.append(.done)
      guard emit(inner) else { return false }
      instructions.append(.done)
      instructions[start] = .look(negative: negative, next: instructions.count)
    case .atomic(let inner):
      let start = instructions.count
      instructions.append(.done)
      guard emit(inner) else { return false }
      instructions.append(.done)
      instructions[start] = .atomic(next: instructions.count)
    case .repetition(.set(let set), let minimum, let maximum, let greed):
      instructions.append(.repeatedSet(index(of: set), minimum: minimum, maximum: maximum ?? .max, greed))
    case .repetition(let inner, let minimum, let maximum, .possessive):
      return emit(.atomic(.repetition(inner, minimum: minimum, maximum: maximum, .greedy)))
    case .repetition(let inner, let minimum, let maximum, let greed):
      return emit(repeating: inner, minimum, maximum, isLazy: greed == .lazy)
    }
    return true
  }

  private mutating func emit(alternation branches: [RegexSyntax]) -> Bool {
    var jumps: [Int] = []
    for (position, branch) in branches.enumerated() {
      if position == branches.count - 1 {
        guard emit(branch) else { return false }
        break
      }
      let fork = instructions.count
      instructions.append(.done)
      guard emit(branch) else { return false }
      jumps.append(instructions.count)
      instructions.append(.done)
      instructions[fork] = .choice(FirstBytes(branch), fork + 1, instructions.count)
    }
    for jump in jumps { instructions[jump] = .jump(instructions.count) }
    return true
  }

  private mutating func emit(repeating inner: RegexSyntax, _ minimum: Int, _ maximum: Int?, isLazy: Bool) -> Bool {
    for _ in 0..<minimum { guard emit(inner) else { return false } }
    if let maximum {
      var forks: [Int] = []
      for _ in minimum..<max(minimum, maximum) {
        forks.append(instructions.count)
        instructions.append(.done)
        guard emit(inner) else { return false }
      }
      for fork in forks {
        instructions[fork] = isLazy ? .fork(instructions.count, fork + 1) : .fork(fork + 1, instructions.count)
      }
      return true
    }
    let mark = markCount
    markCount += 1
    let fork = instructions.count
    instructions.append(.done)
    instructions.append(.mark(mark))
    guard emit(inner) else { return false }
    instructions.append(.progress(mark))
    instructions.append(.jump(fork))
    instructions[fork] = isLazy ? .fork(instructions.count, fork + 1) : .fork(fork + 1, instructions.count)
    return true
  }
}
