import Hummingbird
import NIOCore
import Synchronization

/// What belongs to a request, its connection included.
struct ServerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}

/// Lets the replies of a request end where its client goes away.
final class ConnectionWatch: Sendable {
  private let task: Mutex<ReplyTask?>

  /// Watches until `end()`, or until nobody holds the watch.
  init(_ channel: any Channel, _ task: ReplyTask) {
    self.task = Mutex(task)
    channel.eventLoop.execute { [weak self] in
      let handler = try? channel.pipeline.syncOperations.handler(type: DisconnectionHandler.self)
      handler?.onDisconnection { self?.cancel() }
    }
  }

  deinit { cancel() }

  /// The answer is complete.
  func end() { cancel() }

  private func cancel() {
    let task = task.withLock { task -> ReplyTask? in
      defer { task = nil }
      return task
    }
    task?.cancel()
  }
}

/// Notices that a client has closed its side of a connection; lives on the connection's event loop.
///
/// A client that only ends what it sends cannot be told from one that is gone: both count as gone.
final class DisconnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any

  private var action: (() -> Void)?
  private var isGone = false

  /// Sets what is done when the client goes away, at once if it has; takes the place of an earlier request's action.
  func onDisconnection(_ action: @escaping () -> Void) {
    self.action = action
    if isGone { action() }
  }

  private func disconnected() {
    isGone = true
    action?()
    action = nil
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { disconnected() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    disconnected()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    disconnected()
    context.fireErrorCaught(error)
  }
}
