import Foundation
import Synchronization

/// The threads of a pool and the loop they are in; they keep it alive, so a pool may go while they still sleep.
final class WorkerCrew: @unchecked Sendable {
  /// Odd while a loop is open, even between loops.
  private let generation = Atomic<Int>(0)
  private let nextIndex = Atomic<Int>(0)
  private let activeWorkers = Atomic<Int>(0)
  private let dismissed = Atomic<Bool>(false)
  let limit: Atomic<Int>
  private let sleepers = Atomic<Int>(0)
  private let submission = NSLock()
  private let wake = NSCondition()
  private var spawned = 0
  // Written by the submitting thread before `generation` becomes odd, read by workers after they saw it odd.
  nonisolated(unsafe) private var body: ((Int) -> Void)?
  nonisolated(unsafe) private var count = 0

  init(threadCount: Int) {
    limit = Atomic(max(1, threadCount))
  }

  /// Lets the threads end; no loop may be running.
  func dismiss() {
    dismissed.store(true, ordering: .sequentiallyConsistent)
    wake.lock()
    wake.broadcast()
    wake.unlock()
  }

  func run(_ count: Int, _ body: (Int) -> Void) {
    let threads = min(limit.load(ordering: .relaxed), count)
    guard threads > 1, submission.try() else {
      for index in 0..<max(count, 0) { body(index) }
      return
    }
    defer { submission.unlock() }
    withoutActuallyEscaping(body) { body in
      while spawned < threads - 1 {
        spawnWorker(number: spawned)
        spawned += 1
      }
      self.body = body
      self.count = count
      nextIndex.store(0, ordering: .relaxed)
      generation.add(1, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
        wake.lock()
        wake.broadcast()
        wake.unlock()
      }
      runIterations(body, count)
      generation.add(1, ordering: .sequentiallyConsistent)
      var spins = 0
      while activeWorkers.load(ordering: .sequentiallyConsistent) > 0 {
        spins += 1
        if spins > 1000 { sched_yield() }
      }
      self.body = nil
    }
  }

  private func runIterations(_ body: (Int) -> Void, _ count: Int) {
    while true {
      let index = nextIndex.add(1, ordering: .relaxed).oldValue
      if index >= count { return }
      body(index)
    }
  }

  private func spawnWorker(number: Int) {
    let thread = Thread { [self] in workerLoop(number: number) }
    thread.name = "vptq worker \(number + 1)"
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func workerLoop(number: Int) {
    var seen = 0
    while true {
      guard let open = waitForOpenLoop(after: seen) else { return }
      seen = open
      activeWorkers.add(1, ordering: .sequentiallyConsistent)
      // A loop that closed in between is never entered: its submitter saw no active worker, so this load sees it closed.
      let isWanted = number < limit.load(ordering: .relaxed) - 1
      if isWanted, generation.load(ordering: .sequentiallyConsistent) == seen, let body {
        runIterations(body, count)
      }
      activeWorkers.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  /// Waits until `generation` is odd and not `seen`, first in a short spin, then asleep; nil once dismissed.
  private func waitForOpenLoop(after seen: Int) -> Int? {
    for _ in 0..<20_000 {
      let current = generation.load(ordering: .acquiring)
      if current & 1 == 1, current != seen { return current }
    }
    wake.lock()
    defer { wake.unlock() }
    sleepers.add(1, ordering: .sequentiallyConsistent)
    defer { sleepers.subtract(1, ordering: .sequentiallyConsistent) }
    while !dismissed.load(ordering: .sequentiallyConsistent) {
      let current = generation.load(ordering: .sequentiallyConsistent)
      if current & 1 == 1, current != seen { return current }
      wake.wait()
    }
    return nil
  }
}
