import Foundation
import Generation
import HTTPTypes
import Hummingbird
import JSONReader
import LanguageModels
import Logging
import NIOCore
import Tokenizers

/// A server with the interface of OpenAI, and a page to chat on.
///
/// ```swift
/// let store = ModelStore([.init(name: "smollm2", byteCount: 0) { try ServedModel(name: "smollm2", folder: folder, limits: .init()) }])
/// try await Server(store, options: ServerOptions()).run { address in print("listening at \(address)") }
/// ```
public struct Server: Sendable {
  private let store: ModelStore
  private let options: ServerOptions
  private let meters = ServerMeters()

  /// A server of these models; nothing listens yet.
  public init(_ store: ModelStore, options: ServerOptions = ServerOptions()) {
    self.store = store
    self.options = options
  }

  /// Listens until SIGTERM or SIGINT; requests at work then have their answers, new ones are refused.
  ///
  /// - Parameter onListening: is told the address as `http://HOST:PORT`.
  /// - Throws: `ServerError`.
  public func run(onListening: @escaping @Sendable (String) async -> Void = { _ in }) async throws {
    var logger = Logger(label: "vptq") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    var requests = logger
    requests.logLevel = options.logsRequests ? .info : .warning
    let host = options.host
    let application = Application(
      router: router(logger: requests),
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [DisconnectionHandler()], idleTimeout: .seconds(Int64(options.idleSeconds)))),
      configuration: .init(address: .hostname(host, port: options.port), serverName: "vptq"),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? 0
        await onListening("http://\(host.contains(":") ? "[\(host)]" : host):\(port)")
      },
      logger: logger)
    // The first model is loaded while the server listens already.
    let loading = Task { try await store.model(nil) }
    defer { loading.cancel() }
    do {
      try await application.runService()
    } catch let error as IOError {
      throw ServerError(
        code: .cannotListen,
        message: "cannot listen at \(host):\(options.port): \(String(cString: strerror(error.errnoCode)))")
    }
    await store.stop()
  }

  /// All routes.
  private func router(logger: Logger) -> Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.add(middleware: ErrorAnswers(logger: logger))
    if !options.allowedOrigins.isEmpty { router.add(middleware: OriginGuard(origins: options.allowedOrigins)) }
    if let key = options.apiKey { router.add(middleware: KeyGuard(key: key)) }
    PageRoutes.add(to: router)
    addInformation(to: router)
    addTokens(to: router)
    let chat = ChatCompletions(store: store, allowsControlTokens: options.allowsControlTokens)
    let plain = Completions(store: store)
    router.post("/v1/chat/completions") { request, context in
      try await answer(request, context) { try await chat.begin($0) }
    }
    router.post("/v1/completions") { request, context in
      try await answer(request, context) { try await plain.begin($0) }
    }
    router.post("/v1/embeddings") { _, _ -> Response in
      throw APIError(
        status: .notImplemented, message: "these models write text; none of them makes embeddings",
        type: "invalid_request_error", code: "not_supported")
    }
    // A preflight of an origin that is not allowed.
    router.on("/**", method: .options) { _, _ in Response(status: .noContent) }
    return router
  }

  private func addInformation(to router: Router<ServerContext>) {
    router.get("/health") { _, _ in
      await store.isReady
        ? Response(.object([("status", .string("ok"))]))
        : Response(.object([("status", .string("loading"))]), status: .serviceUnavailable)
    }
    router.get("/v1/models") { _, _ in
      let models = await store.listing.map(Self.entry)
      return Response(.object([("object", .string("list")), ("data", .array(models))]))
    }
    router.get("/v1/models/**") { _, context in
      let name = context.parameters.getCatchAll().joined(separator: "/").removingPercentEncoding ?? ""
      guard let model = await store.listing.first(where: { $0.name == name }) else {
        throw APIError(
          status: .notFound, message: "there is no model \(name)", type: "invalid_request_error", param: "model",
          code: "model_not_found")
      }
      return Response(Self.entry(model))
    }
    router.get("/status") { _, _ in Response(meters.status(await store.models)) }
    router.get("/metrics") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: meters.metrics(await store.models))))
    }
  }

  private static let started = Int(Date().timeIntervalSince1970)

  private static func entry(_ model: (name: String, details: ModelDetails, isLoaded: Bool)) -> JSONValue {
    .object([
      ("id", .string(model.name)), ("object", .string("model")), ("created", .integer(started)),
      ("owned_by", .string("vptq")), ("vptq", model.details.json(isLoaded: model.isLoaded)),
    ])
  }

  private func addTokens(to router: Router<ServerContext>) {
    router.post("/tokenize") { request, _ in
      let fields = try await fields(request)
      let model = try await store.model(fields.string("model"))
      guard let text = try fields.string("content") ?? fields.string("prompt") ?? fields.string("text") else {
        throw fields.error("content", "given")
      }
      let special = try fields.bool("add_special_tokens") ?? fields.bool("add_special") ?? true
      let ids = try model.tokenizer.encode(text, addSpecialTokens: special)
      return Response(.object([("tokens", .array(ids.map(JSONValue.integer))), ("count", .integer(ids.count))]))
    }
    router.post("/detokenize") { request, _ in
      let fields = try await fields(request)
      let model = try await store.model(fields.string("model"))
      guard let ids = try fields.integers("tokens") else { throw fields.error("tokens", "given") }
      let size = model.engine.model.configuration.vocabularySize
      if let bad = ids.first(where: { $0 >= size }) {
        throw APIError.invalid("tokens", "the id \(bad) is outside the vocabulary of \(size)")
      }
      let text = model.tokenizer.decode(ids)
      return Response(.object([("content", .string(text)), ("prompt", .string(text))]))
    }
  }

  private func fields(_ request: Request) async throws -> RequestFields {
    try RequestFields(await request.wholeBody(limit: options.maximumBodyBytes, seconds: options.bodySeconds))
  }

  /// Reads a request, begins its replies and answers with them, in one piece or as a stream.
  private func answer(
    _ request: Request, _ context: ServerContext, _ begin: (RequestFields) async throws -> ReplyTask
  ) async throws -> Response {
    let task = try await begin(try await fields(request))
    let watch = ConnectionWatch(context.channel, task)
    guard task.parameters.isStreamed else {
      defer { watch.end() }
      return Response(try await task.document())
    }
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache"],
      body: ResponseBody { writer in
        defer { watch.end() }
        try await ReplyChunks(task: task).write { try await writer.write(ByteBuffer(string: $0)) }
        try await writer.finish(nil)
      })
  }
}
