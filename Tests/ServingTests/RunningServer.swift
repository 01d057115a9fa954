import AsyncHTTPClient
import Foundation
import Generation
import JSONReader
import LanguageModels
import NIOCore
import NIOHTTP1
import TestSupport
import Tokenizers

@testable import Serving

/// A server at a free port with a model whose words are written down.
struct RunningServer {
  let address: String
  let engine: GenerationEngine

  /// An answer.
  struct Answer {
    let status: Int
    let headers: [String: String]
    let text: String

    var json: JSONValue? { try? JSONValue.parse([UInt8](text.utf8)) }
    var error: JSONValue? { json?["error"] }
    /// What a stream's lines hold, the last one apart.
    var events: [JSONValue] {
      text.split(separator: "\n").filter { $0.hasPrefix("data: {") }.compactMap {
        try? JSONValue.parse([UInt8]($0.dropFirst(6).utf8))
      }
    }
  }

  static let template = "{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}"

  /// Runs `body` against a server whose model says `reply` after the prompt `userHi` (three tokens), or anything else of three.
  static func run(
    saying reply: [Int], options: (inout ServerOptions) -> Void = { _ in }, limits: EngineLimits = EngineLimits(),
    positions: Int = 64, _ body: (RunningServer) async throws -> Void
  ) async throws {
    let tokenizer = try ByteTokenizer.make(template: template)
    let rows = [[Int]](repeating: [0], count: 2).flatMap(\.self) + reply
    let model = try FixedModel(saying: rows, vocabulary: 256, endTokenIDs: [0], positions: positions)
    try await run(model, tokenizer, options: options, limits: limits, body)
  }

  static func run(
    _ model: FixedModel, _ tokenizer: Tokenizer, options change: (inout ServerOptions) -> Void = { _ in },
    limits: EngineLimits = EngineLimits(), _ body: (RunningServer) async throws -> Void
  ) async throws {
    var options = ServerOptions()
    options.port = 0
    options.logsRequests = false
    change(&options)
    let engine = GenerationEngine(model: model, tokenizer: tokenizer, limits: limits)
    let store = ModelStore([
      ModelStore.Source(name: "fixed", byteCount: 7) {
        ServedModel(name: "fixed", engine: engine, tokenizer: tokenizer, details: ModelDetails())
      }
    ])
    let (addresses, continuation) = AsyncStream<String>.makeStream()
    let server = Server(store, options: options)
    let task = Task { try await server.run { continuation.yield($0) } }
    defer { task.cancel() }
    var iterator = addresses.makeAsyncIterator()
    guard let address = await iterator.next() else { throw CancellationError() }
    try await body(RunningServer(address: address, engine: engine))
  }

  func send(
    _ method: String = "GET", _ path: String, _ body: HTTPClientRequest.Body? = nil, headers: [(String, String)] = []
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: address + path)
    request.method = .init(rawValue: method)
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    request.body = body
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    let text = String(buffer: try await response.body.collect(upTo: 64 << 20))
    return Answer(
      status: Int(response.status.code),
      headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }, text: text)
  }

  func post(_ path: String, _ json: String, headers: [(String, String)] = []) async throws -> Answer {
    try await send("POST", path, .bytes(ByteBuffer(string: json)), headers: headers)
  }

  /// A chat request with further fields, written as JSON.
  func chat(_ fields: String = "") async throws -> Answer {
    let more = fields.isEmpty ? "" : ", " + fields
    return try await post(
      "/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"temperature\": 0\(more)}")
  }
}
