import CKernels
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

  /// Sets how many threads a loop has from now on, the submitter's included.
  func setLimit(_ threads: Int) {
    wake.lock()
    limit.store(threads, ordering: .relaxed)
    wake.unlock()
    wake.broadcast()
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
        // A worker that found no loop has the lock until it sleeps; one that wakes takes it, so that it is free by then.
        wake.lock()
        wake.unlock()
        wake.broadcast()
      }
      runIterations(body, count)
      generation.add(1, ordering: .sequentiallyConsistent)
      var spins = 0
      while activeWorkers.load(ordering: .sequentiallyConsistent) > 0 {
        spins += 1
        if spins > 100 { sched_yield() } else { ck_pause() }
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
      waitUntilWanted(number)
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

  /// Workers beyond the limit sleep until it is raised; they are not among the sleepers that a loop wakes.
  private func waitUntilWanted(_ number: Int) {
    guard number >= limit.load(ordering: .relaxed) - 1 else { return }
    wake.lock()
    defer { wake.unlock() }
    while number >= limit.load(ordering: .relaxed) - 1, !dismissed.load(ordering: .sequentiallyConsistent) {
      wake.wait()
    }
  }

  /// How long a worker looks for the next loop before it sleeps: longer than other threads take for their last part of a loop, and than what lies
  /// between two loops of a token. To be woken takes as long as many loops, and the system then often puts a worker beside the thread that woke it,
  /// on the same processor.
  private static let patience = Duration.milliseconds(1)

  /// Looks for a loop that is open and not `seen`, until it gets tired; others that want the processor go first.
  private func lookForOpenLoop(after seen: Int) -> Int? {
    var tired: ContinuousClock.Instant?
    while true {
      for _ in 0..<256 {
        let current = generation.load(ordering: .acquiring)
        if current & 1 == 1, current != seen { return current }
        ck_pause()
      }
      let now = ContinuousClock.now
      guard let end = tired else {
        tired = now + Self.patience
        continue
      }
      if now > end { return nil }
      sched_yield()
    }
  }

  /// Waits until `generation` is odd and not `seen`, first awake, then asleep; nil once dismissed.
  private func waitForOpenLoop(after seen: Int) -> Int? {
    if let open = lookForOpenLoop(after: seen) { return open }
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
