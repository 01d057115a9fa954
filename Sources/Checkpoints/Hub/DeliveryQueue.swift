import Foundation

/// The queue on which a session delivers what arrives, one after the other.
///
/// The URLSession of swift-corelibs-foundation puts every piece of a body into this queue as fast as the network brings it,
/// without asking whether earlier ones have been taken. Here, putting waits while the queue is full, which holds up the
/// network. Deliveries wait for nobody themselves, so that the queue always gets empty.
final class DeliveryQueue: OperationQueue, @unchecked Sendable {
  // A piece has at most 16 KiB (CURL_MAX_WRITE_SIZE).
  private static let room = 256

  private let condition = NSCondition()
  private var waiting = 0
  private var isOpen = false

  override init() {
    super.init()
    maxConcurrentOperationCount = 1
  }

  #if canImport(FoundationNetworking)
    override func addOperation(_ block: @escaping @Sendable () -> Void) {
      condition.withLock {
        while waiting >= Self.room, !isOpen { condition.wait() }
        waiting += 1
      }
      super.addOperation { [self] in
        block()
        condition.withLock {
          waiting -= 1
          condition.signal()
        }
      }
    }
  #endif

  /// Does something between two deliveries that may need the thread that puts them, which must not be waiting here meanwhile.
  func betweenDeliveries(_ block: @escaping @Sendable () -> Void) {
    super.addOperation { [self] in
      setOpen(true)
      block()
      setOpen(false)
    }
  }

  private func setOpen(_ value: Bool) {
    condition.withLock {
      isOpen = value
      condition.broadcast()
    }
  }
}
