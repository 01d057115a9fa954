import Foundation
import Synchronization

/// Threads that run the iterations of one loop at a time.
///
/// Loops are short (a matrix-vector product takes tens of microseconds), so idle workers look for work for a
/// moment before they sleep. Iterations are claimed one by one; results must therefore not depend on which thread
/// runs an iteration, which is how the same bytes come out at any thread count.
public final class WorkerPool: @unchecked Sendable {
  /// The pool of this process; its thread count is `shared.threadCount`.
  public static let shared = WorkerPool(threadCount: ProcessInfo.processInfo.activeProcessorCount)

  /// Odd while a loop is open, even between loops.
  private let generation = Atomic<Int>(0)
  private let nextIndex = Atomic<Int>(0)
  private let activeWorkers = Atomic<Int>(0)
  private let limit: Atomic<Int>
  private let sleepers = Atomic<Int>(0)
  private let submission = NSLock()
  private let wake = NSCondition()
  private var spawned = 0
  // Written by the submitting thread before `generation` becomes odd, read by workers after they saw it odd.
  nonisolated(unsafe) private var body: ((Int) -> Void)?
  nonisolated(unsafe) private var count = 0

  /// A pool that runs loops on `threadCount` threads, the caller's included; at least 1.
  public init(threadCount: Int) {
    limit = Atomic(max(1, threadCount))
  }

  /// How many threads a loop uses, the caller's included. Setting it takes effect at the next loop.
  public var threadCount: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(max(1, newValue), ordering: .relaxed) }
  }

  /// Runs `body` for every index in `0..<count`, in any order and on any thread, and returns when all are done.
  ///
  /// `body` must be safe to run concurrently with itself for different indices. A loop inside a loop runs on the
  /// calling thread alone.
  public func parallelFor(_ count: Int, body: (Int) -> Void) {
    let threads = min(threadCount, count)
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
    let thread = Thread { [unowned self] in workerLoop(number: number) }
    thread.name = "vptq worker \(number + 1)"
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func workerLoop(number: Int) {
    var seen = 0
    while true {
      seen = waitForOpenLoop(after: seen)
      activeWorkers.add(1, ordering: .sequentiallyConsistent)
      // A loop that closed in between is never entered: its submitter saw no active worker, so this load sees it closed.
      if number < threadCount - 1, generation.load(ordering: .sequentiallyConsistent) == seen, let body {
        runIterations(body, count)
      }
      activeWorkers.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  /// Waits until `generation` is odd and not `seen`: first in a short spin, then asleep.
  private func waitForOpenLoop(after seen: Int) -> Int {
    for _ in 0..<20_000 {
      let current = generation.load(ordering: .acquiring)
      if current & 1 == 1, current != seen { return current }
    }
    wake.lock()
    defer { wake.unlock() }
    sleepers.add(1, ordering: .sequentiallyConsistent)
    defer { sleepers.subtract(1, ordering: .sequentiallyConsistent) }
    while true {
      let current = generation.load(ordering: .sequentiallyConsistent)
      if current & 1 == 1, current != seen { return current }
      wake.wait()
    }
  }
}

/// `WorkerPool.shared.parallelFor`, under the name numeric code uses.
public func parallelFor(_ count: Int, body: (Int) -> Void) {
  WorkerPool.shared.parallelFor(count, body: body)
}
