import Foundation
import Synchronization

/// Threads that run the iterations of one loop at a time.
///
/// Loops are short (a matrix-vector product takes tens of microseconds), so idle workers look for work for a
/// moment before they sleep. Iterations are claimed one by one; results must therefore not depend on which thread
/// runs an iteration, which is how the same bytes come out at any thread count.
public final class WorkerPool: Sendable {
  /// The pool of this process; its thread count is `shared.threadCount`.
  public static let shared = WorkerPool(threadCount: ProcessInfo.processInfo.activeProcessorCount)

  private let crew: WorkerCrew

  /// A pool that runs loops on `threadCount` threads, the caller's included; at least 1.
  public init(threadCount: Int) {
    crew = WorkerCrew(threadCount: threadCount)
  }

  deinit {
    crew.dismiss()
  }

  /// How many threads a loop uses, the caller's included. Setting it takes effect at the next loop.
  public var threadCount: Int {
    get { crew.limit.load(ordering: .relaxed) }
    set { crew.setLimit(max(1, newValue)) }
  }

  /// Runs `body` for every index in `0..<count`, in any order and on any thread, and returns when all are done.
  ///
  /// `body` must be safe to run concurrently with itself for different indices. A loop inside a loop runs on the
  /// calling thread alone.
  package func parallelFor(_ count: Int, body: (Int) -> Void) {
    crew.run(count, body)
  }
}

/// `WorkerPool.shared.parallelFor`, under the name numeric code uses.
package func parallelFor(_ count: Int, body: (Int) -> Void) {
  WorkerPool.shared.parallelFor(count, body: body)
}
