import Foundation

/// The queue on which a session delivers what arrives, one after the other.
///
/// The URLSession of swift-corelibs-foundation puts every piece of a body into this queue as fast as the network brings it,
/// without asking whether earlier ones have been taken. Here, putting waits while the queue is full, which holds up the
/// network. Deliveries wait for nobody themselves, so that the queue always gets empty.
final class DeliveryQueue: OperationQueue, @unchecked Sendable {
  #if canImport(FoundationNetworking)
    // A piece has at most 16 KiB (CURL_MAX_WRITE_SIZE).
    private let room = DispatchSemaphore(value: 256)

    override func addOperation(_ block: @escaping @Sendable () -> Void) {
      room.wait()
      super.addOperation { [room] in
        block()
        room.signal()
      }
    }
  #endif

  override init() {
    super.init()
    maxConcurrentOperationCount = 1
  }
}
