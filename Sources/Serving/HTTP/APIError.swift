import HTTPTypes
import Hummingbird
import JSONReader
import NIOCore

/// A request that is not answered as asked, in the form that clients of the OpenAI interface expect.
struct APIError: HTTPResponseError {
  let status: HTTPResponse.Status
  let message: String
  let type: String
  /// The field at fault.
  var param: String?
  var code: String?
  /// Seconds after which another try may succeed.
  var retryAfter: Int?

  /// The request is wrong: 400, and which field.
  static func invalid(_ param: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(status: .badRequest, message: message, type: "invalid_request_error", param: param, code: code)
  }

  /// The server cannot answer now.
  static func unavailable(_ message: String, code: String) -> APIError {
    APIError(
      status: .serviceUnavailable, message: message, type: "server_error", code: code, retryAfter: 2)
  }

  /// `{"error": {message, type, param, code}}`.
  var json: JSONValue {
    .object([
      (
        "error",
        .object([
          ("message", .string(message)), ("type", .string(type)), ("param", param.map(JSONValue.string) ?? .null),
          ("code", code.map(JSONValue.string) ?? .null),
        ])
      )
    ])
  }

  func response(from request: Request, context: some RequestContext) throws -> Response {
    var response = Response(json, status: status)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    return response
  }
}

extension Response {
  /// A JSON document.
  init(_ json: JSONValue, status: HTTPResponse.Status = .ok) {
    self.init(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: json.serialized(pretty: false))))
  }
}
