import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Turns everything that is thrown into an answer in JSON, and tells the log about each request.
struct ErrorAnswers: RouterMiddleware {
  typealias Context = ServerContext
  /// Of the server, without the marks of single requests.
  let logger: Logger
  /// What programs ask for again and again.
  private static let polled: Set<String> = ["/status", "/health", "/metrics"]

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let response = try await answer(request, context, next)
    let milliseconds = Int(start.duration(to: .now) / .milliseconds(1))
    logger.log(
      level: Self.polled.contains(request.uri.path) ? .debug : .info,
      "\(request.method) \(request.uri.path) \(response.status.code) in \(milliseconds) ms")
    return response
  }

  private func answer(
    _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as APIError {
      return try error.response(from: request, context: context)
    } catch let error as HTTPError {
      let message =
        error.status == .notFound
        ? "there is nothing at \(request.method) \(request.uri.path)" : error.body ?? error.status.reasonPhrase
      return try APIError(
        status: error.status, message: message,
        type: error.status.kind == .serverError ? "server_error" : "invalid_request_error", code: nil
      ).response(from: request, context: context)
    } catch is CancellationError {
      return Response(status: .init(code: 499))
    } catch {
      logger.error("\(request.method) \(request.uri.path): \(error)")
      return try APIError(reply: error).response(from: request, context: context)
    }
  }
}

/// Asks for the key, everywhere but at the page and at `/health`.
struct KeyGuard: RouterMiddleware {
  typealias Context = ServerContext
  let key: String
  private static let open: Set<String> = ["/", "/page.css", "/page.js", "/health", "/favicon.ico"]

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if Self.open.contains(request.uri.path) || request.method == .options { return try await next(request, context) }
    let given = request.headers[.authorization] ?? ""
    guard Self.isEqual(given, "Bearer " + key) else {
      throw APIError(
        status: .unauthorized, message: "a key is needed: send Authorization: Bearer KEY",
        type: "invalid_request_error",
        code: "invalid_api_key")
    }
    return try await next(request, context)
  }

  /// In a time that tells nothing about where texts differ.
  private static func isEqual(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var difference = a.count ^ b.count
    for index in b.indices { difference |= Int(b[index] ^ (index < a.count ? a[index] : 0)) }
    return difference == 0
  }
}

/// Lets pages of other origins ask, as far as they are allowed (the CORS protocol of the Fetch standard).
struct OriginGuard: RouterMiddleware {
  typealias Context = ServerContext
  let origins: [String]

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard let origin = request.headers[.origin], origins.contains("*") || origins.contains(origin) else {
      return try await next(request, context)
    }
    let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
    var response = isPreflight ? Response(status: .noContent) : try await next(request, context)
    response.headers[.accessControlAllowOrigin] = origins.contains("*") ? "*" : origin
    response.headers[.vary] = "Origin"
    if isPreflight {
      response.headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
      response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type"
      response.headers[.accessControlMaxAge] = "600"
    }
    return response
  }
}
