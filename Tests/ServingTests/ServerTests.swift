import AsyncHTTPClient
import Foundation
import Generation
import JSONReader
import NIOCore
import TestSupport
import Testing

@testable import Serving

@Suite("Server", .serialized)
struct ServerTests {
  private func content(_ answer: RunningServer.Answer, _ choice: Int = 0) -> String? {
    answer.json?["choices"]?.arrayValue?[choice]["message"]?["content"]?.stringValue
  }

  private func streamed(_ answer: RunningServer.Answer) -> String {
    answer.events.compactMap { $0["choices"]?.arrayValue?.first }.map {
      $0["delta"]?["content"]?.stringValue ?? $0["text"]?.stringValue ?? ""
    }.joined()
  }

  @Test("A stop string over several tokens is not shown, streamed or not, in chat and completions (case V01)")
  func stops() async throws {
    try await RunningServer.run(saying: ByteTokenizer.ids("The quick brown fox") + [0]) { server in
      let whole = try await server.chat("\"stop\": \"own fox\"")
      #expect(content(whole) == "The quick br")
      let choice = whole.json?["choices"]?.arrayValue?[0]
      #expect(choice?["finish_reason"]?.stringValue == "stop")
      let stream = try await server.chat("\"stop\": [\"own fox\"], \"stream\": true")
      #expect(streamed(stream) == "The quick br" && stream.text.hasSuffix("data: [DONE]\n\n"))
      #expect(stream.headers["content-type"]?.hasPrefix("text/event-stream") == true)
      for flag in ["false", "true"] {
        let plain = try await server.post(
          "/v1/completions",
          "{\"prompt\": [1, 2, 3], \"temperature\": 0, \"max_tokens\": 40, \"stop\": \"own fox\", \"stream\": \(flag)}")
        let text = flag == "true" ? streamed(plain) : plain.json?["choices"]?.arrayValue?[0]["text"]?.stringValue
        #expect(text == "The quick br")
      }
    }
  }

  @Test(
    "Fields of wrong type or range are refused by name, and a good request works after them (cases V05, V06, V12, V13)")
  func refusals() async throws {
    try await RunningServer.run(saying: ByteTokenizer.ids("ok") + [0]) { server in
      let wrong: [(String, String)] = [
        ("\"max_tokens\": 0", "max_tokens"), ("\"max_tokens\": -1", "max_tokens"),
        ("\"max_tokens\": 1.5", "max_tokens"),
        ("\"max_tokens\": \"5\"", "max_tokens"), ("\"stop\": [\"a\",\"b\",\"c\",\"d\",\"e\"]", "stop"),
        ("\"n\": 0", "n"),
        ("\"n\": 1000", "n"), ("\"top_logprobs\": 3", "top_logprobs"),
        ("\"logprobs\": true, \"top_logprobs\": 21", "top_logprobs"), ("\"top_p\": 2", "top_p"),
        ("\"stream_options\": {\"include_usage\": true}", "stream_options"),
        ("\"logit_bias\": {\"x\": 1}", "logit_bias"),
        ("\"logit_bias\": {\"5\": 101}", "logit_bias"),
        ("\"response_format\": {\"type\": \"xml\"}", "response_format.type"),
        ("\"tool_choice\": \"sometimes\"", "tool_choice"), ("\"tools\": [{}]", "tools[0].function"),
      ]
      for (fields, param) in wrong {
        let answer = try await server.chat(fields)
        #expect(answer.status == 400 && answer.error?["param"]?.stringValue == param, "\(fields): \(answer.text)")
        #expect(answer.error?["type"]?.stringValue == "invalid_request_error")
      }
      let bodies: [(String, String?)] = [
        ("", nil), ("{", nil), ("[]", nil), ("{\"messages\": {}}", "messages"), ("{\"messages\": []}", "messages"),
        ("{}", "messages"), ("{\"messages\": [{\"role\": \"alien\", \"content\": \"x\"}]}", "messages[0].role"),
        ("{\"messages\": [{\"role\": \"user\", \"content\": null}]}", "messages[0].content"),
        ("{\"messages\": [{\"role\": \"user\", \"content\": 5}]}", "messages[0].content"),
        ("{\"a\": " + String(repeating: "[", count: 10000), nil),
        (
          "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"seed\": "
            + String(repeating: "9", count: 2_000_000) + "}", nil
        ),
        (
          "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}",
          "messages[0].content[0].type"
        ),
      ]
      for (body, param) in bodies {
        let answer = try await server.post("/v1/chat/completions", body)
        #expect(answer.status == 400 && answer.error?["message"]?.stringValue?.isEmpty == false, "\(body.prefix(60))")
        #expect(answer.error?["param"]?.stringValue == param, "\(body.prefix(60)): \(answer.text.prefix(200))")
      }
      #expect(try await server.chat("\"model\": \"other\"").status == 404)
      for fields in ["\"stop\": \"\"", "\"stop\": [\"\"]", "\"unknown\": 7", "\"max_tokens\": null"] {
        #expect(try await content(server.chat(fields)) == "ok", "\(fields)")
      }
      let both = try await server.chat("\"max_completion_tokens\": 1, \"max_tokens\": 9")
      #expect(both.json?["usage"]?["completion_tokens"]?.intValue == 1)
      #expect(both.json?["choices"]?.arrayValue?[0]["finish_reason"]?.stringValue == "length")
    }
  }

  @Test("Usage comes with a stream only where it is asked for (case V11)")
  func usage() async throws {
    try await RunningServer.run(saying: ByteTokenizer.ids("abc") + [0]) { server in
      let silent = try await server.chat("\"stream\": true")
      #expect(silent.events.allSatisfy { $0["usage"] == nil })
      let told = try await server.chat("\"stream\": true, \"stream_options\": {\"include_usage\": true}")
      let last = try #require(told.events.last)
      #expect(last["choices"]?.arrayValue?.isEmpty == true)
      #expect(last["usage"]?["prompt_tokens"]?.intValue == 3 && last["usage"]?["total_tokens"]?.intValue == 6)
    }
  }

  @Test("A prompt beyond the context is refused with both numbers; one that fits ends with it (case V10)")
  func context() async throws {
    try await RunningServer.run(saying: [65]) { server in
      func complete(_ count: Int, _ more: String = "") async throws -> RunningServer.Answer {
        let ids = [String](repeating: "7", count: count).joined(separator: ",")
        return try await server.post(
          "/v1/completions", "{\"prompt\": [\(ids)], \"temperature\": 0, \"max_tokens\": 100}")
      }
      for count in [64, 65] {
        let answer = try await complete(count)
        #expect(answer.status == 400 && answer.error?["code"]?.stringValue == "context_length_exceeded")
        let message = answer.error?["message"]?.stringValue ?? ""
        #expect(message.contains("\(count)") && message.contains("64"))
      }
      for (count, left) in [(63, 1), (60, 4)] {
        let answer = try await complete(count)
        #expect(answer.json?["usage"]?["completion_tokens"]?.intValue == left)
        #expect(answer.json?["choices"]?.arrayValue?[0]["finish_reason"]?.stringValue == "length")
      }
    }
  }

  @Test(
    "Log-probabilities are natural, of the softmax before temperature, sorted; bytes of cut characters are told (case V12)"
  )
  func logProbabilities() async throws {
    let logits: [Float] = [2, 1, 0.5, -1, -2, 0]
    let rows = [logits + [Float](repeating: -.infinity, count: 250)]
    let tokenizer = try ByteTokenizer.make(template: RunningServer.template)
    try await RunningServer.run(try FixedModel(rows: rows), tokenizer) { server in
      let answer = try await server.chat(
        "\"logprobs\": true, \"top_logprobs\": 6, \"max_tokens\": 1, \"ignore_eos\": true")
      let entry = answer.json?["choices"]?.arrayValue?[0]["logprobs"]?["content"]?.arrayValue?[0]
      #expect(abs((entry?["logprob"]?.doubleValue ?? 0) + 0.584697) < 1e-5)
      let top = entry?["top_logprobs"]?.arrayValue?.compactMap { $0["logprob"]?.doubleValue } ?? []
      #expect(top.count == 6 && top == top.sorted(by: >))
      #expect(abs(top.reduce(0) { $0 + exp($1) } - 1) < 1e-6)
    }
    try await RunningServer.run(saying: ByteTokenizer.ids("é") + [0]) { server in
      let answer = try await server.chat("\"logprobs\": true")
      let content = answer.json?["choices"]?.arrayValue?[0]["logprobs"]?["content"]?.arrayValue ?? []
      #expect(content.map { $0["bytes"]?.arrayValue?.compactMap(\.intValue) } == [[0xc3], [0xa9]])
      #expect(content.first?["token"]?.stringValue == "bytes:\\xc3")
      let stream = try await server.chat("\"logprobs\": true, \"stream\": true")
      let entries = stream.events.flatMap {
        $0["choices"]?.arrayValue?.first?["logprobs"]?["content"]?.arrayValue ?? []
      }
      #expect(entries.count == 2)
    }
  }

  @Test("Echo gives the prompt with its log-probabilities, as lm-eval asks for them")
  func echo() async throws {
    try await RunningServer.run(saying: ByteTokenizer.ids("xy") + [0]) { server in
      let answer = try await server.post(
        "/v1/completions",
        "{\"prompt\": [[72, 105, 33], [72]], \"echo\": true, \"logprobs\": 1, \"max_tokens\": 1, \"temperature\": 0, \"seed\": 1234}"
      )
      let choices = try #require(answer.json?["choices"]?.arrayValue)
      #expect(choices.count == 2 && choices[0]["text"]?.stringValue == "Hi!x")
      let logprobs = choices[0]["logprobs"]
      #expect(logprobs?["tokens"]?.arrayValue?.compactMap(\.stringValue) == ["H", "i", "!", "x"])
      let values = logprobs?["token_logprobs"]?.arrayValue?.map(\.doubleValue)
      #expect(values?.count == 4 && values?[0] == nil && values?[3] != nil)
      #expect(logprobs?["text_offset"]?.arrayValue?.compactMap(\.intValue) == [0, 1, 2, 3])
      #expect(answer.json?["usage"]?["prompt_tokens"]?.intValue == 4)
    }
  }

  @Test("The token that ends a plain completion has its log-probability too: who scores a prompt drops the last one")
  func endToken() async throws {
    try await RunningServer.run(saying: [0]) { server in
      for fields in ["\"echo\": true", "\"stream\": true"] {
        let answer = try await server.post(
          "/v1/completions",
          "{\"prompt\": [72, 105, 33], \"logprobs\": 1, \"max_tokens\": 1, \"temperature\": 0, \(fields)}")
        let values = (fields.contains("stream") ? answer.events : [answer.json].compactMap { $0 }).flatMap {
          $0["choices"]?.arrayValue?.first?["logprobs"]?["token_logprobs"]?.arrayValue ?? []
        }
        #expect(values.count == (fields.contains("echo") ? 4 : 1))
        #expect((values.last?.doubleValue).map { $0 <= 0 } == true)
      }
    }
  }

  @Test("Several choices are told apart and repeatable; greedy ones are equal (case V13)")
  func choices() async throws {
    let rows = [(0..<256).map { (97..<123).contains($0) ? Float(1) : -.infinity }]
    let tokenizer = try ByteTokenizer.make(template: RunningServer.template)
    try await RunningServer.run(try FixedModel(rows: rows), tokenizer) { server in
      func texts(_ fields: String) async throws -> [String?] {
        let answer = try await server.chat("\"max_tokens\": 12, " + fields)
        let choices = answer.json?["choices"]?.arrayValue ?? []
        #expect(choices.compactMap { $0["index"]?.intValue } == [0, 1])
        return choices.map { $0["message"]?["content"]?.stringValue }
      }
      let first = try await texts("\"n\": 2, \"seed\": 1, \"temperature\": 1")
      #expect(first[0] != first[1])
      #expect(try await texts("\"n\": 2, \"seed\": 1, \"temperature\": 1") == first)
      let greedy = try await texts("\"n\": 2")
      #expect(greedy[0] == greedy[1])
    }
  }

  @Test("Bodies that are too long are refused, announced or not (case V08); a full queue says when to come back")
  func limits() async throws {
    let change: (inout ServerOptions) -> Void = { $0.maximumBodyBytes = 100_000 }
    let limits = EngineLimits(parallel: 1, queue: 0)
    try await RunningServer.run(saying: ByteTokenizer.ids("ok") + [0], options: change, limits: limits) { server in
      let long = String(repeating: "a", count: 200_000)
      #expect(try await server.post("/v1/completions", long).status == 413)
      let parts = AsyncStream<ByteBuffer> { continuation in
        for _ in 0..<20 { continuation.yield(ByteBuffer(string: String(repeating: "a", count: 10_000))) }
        continuation.finish()
      }
      #expect(try await server.send("POST", "/v1/completions", .stream(parts, length: .unknown)).status == 413)
      let busy = try await server.chat()
      #expect(busy.status == 429 && busy.headers["retry-after"] != nil)
    }
  }

  @Test("A client that goes away frees its place (case V03)")
  func disconnection() async throws {
    try await RunningServer.run(saying: [65], limits: EngineLimits(parallel: 1), positions: 1 << 30) { server in
      for flag in ["true", "false"] {
        let request = Task {
          try await server.chat("\"max_tokens\": 1000000000, \"ignore_eos\": true, \"stream\": \(flag)")
        }
        while server.engine.statistics.active == 0 { try await Task.sleep(for: .milliseconds(5)) }
        request.cancel()
        _ = try? await request.value
        // Ends only if the place is free again.
        #expect(try await server.chat("\"max_tokens\": 1").status == 200)
      }
      #expect(server.engine.statistics.cancelled == 2)
    }
  }

  @Test(
    "What has to be is there: health, models, tokens, metrics, the page under a strict policy; the rest is 404 in JSON")
  func information() async throws {
    try await RunningServer.run(saying: ByteTokenizer.ids("ok") + [0]) { server in
      while try await server.send("GET", "/health").status == 503 { try await Task.sleep(for: .milliseconds(5)) }
      #expect(try await server.send("GET", "/health").json?["status"]?.stringValue == "ok")
      let models = try await server.send("GET", "/v1/models").json?["data"]?.arrayValue
      #expect(models?.first?["id"]?.stringValue == "fixed")
      #expect(try await server.send("GET", "/v1/models/fixed").status == 200)
      #expect(try await server.send("GET", "/v1/models/other").status == 404)
      let tokens = try await server.post("/tokenize", "{\"content\": \"Hi\"}").json
      #expect(tokens?["tokens"]?.arrayValue?.compactMap(\.intValue) == [72, 105])
      #expect(try await server.post("/detokenize", "{\"tokens\": [72, 105]}").json?["content"]?.stringValue == "Hi")
      #expect(try await server.post("/detokenize", "{\"tokens\": [256]}").status == 400)
      _ = try await server.chat()
      let metrics = try await server.send("GET", "/metrics")
      #expect(metrics.text.contains("vptq_requests_finished_total{model=\"fixed\"} 1.0\n"))
      #expect(metrics.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      #expect(try await server.send("GET", "/status").json?["active"]?.intValue == 0)
      for (path, type) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let page = try await server.send("GET", path)
        #expect(page.status == 200 && page.headers["content-type"]?.hasPrefix(type) == true)
        #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'; script-src 'self'") == true)
      }
      for path in ["/nothing", "/../Package.swift", "/page.js/..%2f..%2fPackage.swift", "//etc/passwd"] {
        let answer = try await server.send("GET", path)
        #expect(answer.status == 404 && answer.error?["message"]?.stringValue?.isEmpty == false, "\(path)")
      }
      #expect(try await server.post("/v1/embeddings", "{}").status == 501)
    }
  }

  @Test("With a key nothing but the page answers without it; other origins ask only if they may")
  func guards() async throws {
    let change: (inout ServerOptions) -> Void = {
      $0.apiKey = "secret"
      $0.allowedOrigins = ["http://good.example"]
    }
    try await RunningServer.run(saying: ByteTokenizer.ids("ok") + [0], options: change) { server in
      for headers in [[], [("Authorization", "Bearer wrong")], [("Authorization", "secret")]] {
        let answer = try await server.send("GET", "/v1/models", headers: headers)
        #expect(answer.status == 401 && answer.error?["code"]?.stringValue == "invalid_api_key")
      }
      let key = ("Authorization", "Bearer secret")
      #expect(try await server.send("GET", "/v1/models", headers: [key]).status == 200)
      #expect(try await server.send("GET", "/").status == 200)
      let good = try await server.send("GET", "/v1/models", headers: [key, ("Origin", "http://good.example")])
      #expect(good.headers["access-control-allow-origin"] == "http://good.example")
      let bad = try await server.send("GET", "/v1/models", headers: [key, ("Origin", "http://bad.example")])
      #expect(bad.headers["access-control-allow-origin"] == nil)
      let preflight = try await server.send(
        "OPTIONS", "/v1/chat/completions",
        headers: [("Origin", "http://good.example"), ("Access-Control-Request-Method", "POST")])
      #expect(
        preflight.status == 204 && preflight.headers["access-control-allow-headers"]?.contains("Authorization") == true)
    }
  }

  @Test("A reply in a demanded form, a demanded call: the likeliest tokens that fit")
  func forms() async throws {
    // Every byte is as likely, but for a slight wish to end and to close.
    let row = (0..<256).map { id -> Float in
      switch UInt8(id) {
      case 0: 3
      case UInt8(ascii: "\""): 2
      case UInt8(ascii: "}"): 1
      default: 0
      }
    }
    let tokenizer = try ByteTokenizer.make(template: RunningServer.template)
    try await RunningServer.run(try FixedModel(rows: [row], endTokenIDs: [0], positions: 512), tokenizer) { server in
      let object = try await server.chat("\"response_format\": {\"type\": \"json_object\"}")
      #expect(content(object).flatMap { try? JSONValue.parse([UInt8]($0.utf8)) }?.objectValue != nil, "\(object.text)")
      let tools = """
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties":
         {"x": {"type": "boolean"}}, "required": ["x"], "additionalProperties": false}}}]
        """
      let called = try await server.chat(tools + ", \"tool_choice\": \"required\"")
      let choice = called.json?["choices"]?.arrayValue?[0]
      let call = choice?["message"]?["tool_calls"]?.arrayValue?[0]["function"]
      #expect(call?["name"]?.stringValue == "f", "\(called.text)")
      let arguments = call?["arguments"]?.stringValue.flatMap { try? JSONValue.parse([UInt8]($0.utf8)) }
      #expect(arguments?["x"] != nil && choice?["finish_reason"]?.stringValue == "tool_calls")
      let stream = try await server.chat(tools + ", \"tool_choice\": \"required\", \"stream\": true")
      #expect(
        stream.text.contains("\"tool_calls\"")
          && stream.events.contains {
            $0["choices"]?.arrayValue?.first?["finish_reason"]?.stringValue == "tool_calls"
          })
    }
  }
}
