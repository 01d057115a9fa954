import Synchronization

/// Large buffers that every layer of a forward pass needs anew, kept from one to the next: the system would take each back and
/// clear its pages again, which costs a prompt a tenth of its time. In huge pages, since rows that are far apart would else need an
/// address each.
package final class ScratchMemory: Sendable {
  /// What `withScratch` takes from.
  package static let shared = ScratchMemory()

  private struct Buffer: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) {
      base = HugePageMemory.allocate(byteCount: byteCount)
      self.byteCount = byteCount
    }

    func deallocate() { HugePageMemory.deallocate(base, byteCount: byteCount) }
  }

  private struct State {
    var users = 0
    var kept: [Buffer] = []
  }

  private let state = Mutex(State())

  /// Smaller buffers come from the thread's own stack.
  private static let leastBytes = 1 << 17

  /// Runs `body`, within which buffers are kept that others have given back; nothing is kept when the last one ends.
  package func keeping<Result>(_ body: () throws -> Result) rethrows -> Result {
    state.withLock { $0.users += 1 }
    defer {
      let unused = state.withLock { state -> [Buffer] in
        state.users -= 1
        guard state.users == 0 else { return [] }
        defer { state.kept = [] }
        return state.kept
      }
      for buffer in unused { buffer.deallocate() }
    }
    return try body()
  }

  /// Runs `body` with at least `byteCount` bytes that start at a cache line.
  package func with<Result>(byteCount: Int, _ body: (UnsafeMutableRawPointer) throws -> Result) rethrows -> Result {
    guard byteCount >= Self.leastBytes else {
      if let stack = ThreadStack.current, let memory = stack.push(byteCount: byteCount) {
        defer { stack.pop(memory) }
        return try body(memory)
      }
      let memory = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
      defer { memory.deallocate() }
      return try body(memory)
    }
    let buffer = take(byteCount)
    defer { give(buffer) }
    return try body(buffer.base)
  }

  private func take(_ byteCount: Int) -> Buffer {
    var unused: [Buffer] = []
    let found = state.withLock { state -> Buffer? in
      // However large: to give it back and to take another costs more than what lies idle in it.
      let fitting = state.kept.indices.filter { state.kept[$0].byteCount >= byteCount }
      if let best = fitting.min(by: { state.kept[$0].byteCount < state.kept[$1].byteCount }) {
        return state.kept.remove(at: best)
      }
      // As much is freed as is allocated, so that no more is held than was in use at once.
      var freed = 0
      while freed < byteCount, let last = state.kept.popLast() {
        freed += last.byteCount
        unused.append(last)
      }
      return nil
    }
    for buffer in unused { buffer.deallocate() }
    return found ?? Buffer(byteCount: byteCount)
  }

  private func give(_ buffer: Buffer) {
    let isKept = state.withLock { state in
      if state.users > 0 { state.kept.append(buffer) }
      return state.users > 0
    }
    if !isKept { buffer.deallocate() }
  }

  /// Bytes that are kept now.
  var keptBytes: Int { state.withLock { $0.kept.reduce(0) { $0 + $1.byteCount } } }
}
