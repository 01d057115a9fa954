import Foundation
import Synchronization
import Testing

@testable import Tensors

@Suite("Worker pool")
struct WorkerPoolTests {
  @Test("Every index runs exactly once", arguments: [1, 2, 3, 8])
  func eachIndexOnce(threads: Int) {
    let pool = WorkerPool(threadCount: threads)
    for count in [0, 1, 2, 7, 100, 1000] {
      var hits = [Int](repeating: 0, count: count)
      hits.withUnsafeMutableBufferPointer { buffer in
        let base = buffer.baseAddress
        pool.parallelFor(count) { base?[$0] += 1 }
      }
      #expect(hits == [Int](repeating: 1, count: count))
    }
  }

  @Test("Many short loops in a row all finish (no lost wake-up)")
  func manyLoops() {
    let pool = WorkerPool(threadCount: 4)
    let sum = Atomic<Int>(0)
    for _ in 0..<5000 {
      pool.parallelFor(5) { sum.add($0, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 50_000)
  }

  @Test("Workers beyond a lower limit stay away, and come back when it is raised")
  func limits() {
    let pool = WorkerPool(threadCount: 4)
    for limit in [4, 2, 1, 3, 4] {
      pool.threadCount = limit
      for _ in 0..<10 {
        let deadline = ContinuousClock.now + .seconds(60)
        let begun = Atomic<Int>(0)
        let inside = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        pool.parallelFor(2 * limit) { index in
          most.max(inside.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
          begun.add(1, ordering: .relaxed)
          // The first so many at once, so that each has a thread.
          while index < limit, begun.load(ordering: .relaxed) < limit, ContinuousClock.now < deadline { sched_yield() }
          inside.subtract(1, ordering: .relaxed)
        }
        #expect(ContinuousClock.now < deadline)
        let threads = most.load(ordering: .relaxed)
        #expect(threads == limit)
      }
    }
  }

  @Test("Workers that have gone to sleep come back for the next loop")
  func sleepers() {
    let pool = WorkerPool(threadCount: 2)
    for _ in 0..<20 {
      let deadline = ContinuousClock.now + .seconds(60)
      // Longer than a worker looks for work.
      usleep(5000)
      let begun = Atomic<Int>(0)
      pool.parallelFor(2) { _ in
        begun.add(1, ordering: .relaxed)
        // Both indices at once, so that each has a thread.
        while begun.load(ordering: .relaxed) < 2, ContinuousClock.now < deadline { sched_yield() }
      }
      #expect(ContinuousClock.now < deadline)
    }
  }

  @Test("A loop inside a loop runs to its end")
  func nested() {
    let pool = WorkerPool(threadCount: 3)
    let sum = Atomic<Int>(0)
    pool.parallelFor(10) { _ in
      pool.parallelFor(10) { sum.add($0, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 450)
  }
}
