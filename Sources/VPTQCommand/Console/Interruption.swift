import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C into a request to stop; a second one ends the process at once.
final class Interruption: Sendable {
  private let requested = Atomic<Bool>(false)
  nonisolated(unsafe) private let source: any DispatchSourceSignal

  init() {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler { [unowned self] in
      if requested.exchange(true, ordering: .relaxed) { exit(ExitStatus.interrupted.rawValue) }
      Console.writeError("\nstopping after the present step; press Ctrl-C again to stop at once")
    }
    source.activate()
  }

  /// Whether the user asked to stop.
  var isRequested: Bool { requested.load(ordering: .relaxed) }
}
