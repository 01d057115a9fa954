import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C into a request to stop; a second one ends the process at once.
final class Interruption: Sendable {
  private let requested = Atomic<Bool>(false)
  nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

  /// - Parameter andTermination: whether SIGTERM, by which cluster engines announce the end, counts as well.
  init(andTermination: Bool = false) {
    let signals = andTermination ? [SIGINT, SIGTERM] : [SIGINT]
    for number in signals { signal(number, SIG_IGN) }
    sources = signals.map { DispatchSource.makeSignalSource(signal: $0, queue: .global()) }
    for source in sources {
      source.setEventHandler { [unowned self] in
        if requested.exchange(true, ordering: .relaxed) { exit(ExitStatus.interrupted.rawValue) }
        Console.writeError("\nstopping after the present step; press Ctrl-C again to stop at once")
      }
      source.activate()
    }
  }

  /// Whether the user asked to stop.
  var isRequested: Bool { requested.load(ordering: .relaxed) }
}
