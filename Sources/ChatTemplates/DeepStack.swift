import Foundation

/// Runs recursive work on a thread whose stack fits the depth limits, whatever stack the caller has.
enum DeepStack {
  /// Stack of the worker thread in bytes; pages are committed only when touched.
  static let stackBytes = 64 << 20

  private final class Slot<Value>: @unchecked Sendable {
    // Written once by the worker before it signals, read once by the caller after.
    var result: Result<Value, any Error>?
  }

  /// The result of `work`; rethrows its error.
  static func run<Value>(_ work: @escaping @Sendable () throws -> Value) throws -> Value {
    let slot = Slot<Value>()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      slot.result = Result { try work() }
      done.signal()
    }
    thread.stackSize = stackBytes
    thread.start()
    done.wait()
    guard let result = slot.result else { throw TemplateError(.limitExceeded, "the render thread ended early") }
    return try result.get()
  }
}
