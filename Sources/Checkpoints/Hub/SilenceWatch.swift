import NIOCore

/// Breaks a connection whose server sends nothing for a while, not counting the time in which nobody wants to read.
///
/// The client's own limit for reading goes on while the reader is busy, so that a slow disk would break the connection.
final class SilenceWatch: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let limit: TimeAmount
  private var timer: Scheduled<Void>?

  init(limit: TimeAmount) { self.limit = limit }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    start(context)
    context.write(data, promise: promise)
  }

  func read(context: ChannelHandlerContext) {
    if timer == nil { start(context) }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    stop()
    context.fireChannelRead(data)
  }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { stop() }

  private func start(_ context: ChannelHandlerContext) {
    stop()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) {
      context.fireErrorCaught(HTTPFailure.silent)
      context.close(promise: nil)
    }
  }

  private func stop() {
    timer?.cancel()
    timer = nil
  }
}
