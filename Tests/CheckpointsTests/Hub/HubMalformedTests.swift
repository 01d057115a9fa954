import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

@Suite("A server that breaks the rules of HTTP")
struct HubMalformedTests {
  private let file = "model.safetensors"

  /// What a server sends before it closes the connection, and what the error says.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let sent: String
    let reason: String

    init(_ name: String, _ sent: String, _ reason: String) {
      (testDescription, self.sent, self.reason) = (name, sent, reason)
    }
  }

  private static let noAnswer = "it closes the connection without an answer"
  private static let noHTTP = "its answer is no HTTP"
  private static let ok = "HTTP/1.1 200 OK\r\n"
  private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
  private static let kilobyte = String(repeating: "a", count: 1000)

  /// Heads that are cut or malformed.
  static let heads: [Case] = [
    Case("nothing", "", noAnswer),
    Case("a part of the status line", "HTTP/1.1 2", noAnswer),
    Case("a part of a header", ok + "Content-Ty", noAnswer),
    Case("a head without its end", ok + "Content-Length: 5\r\n", noAnswer),
    Case("a preliminary answer only", "HTTP/1.1 100 Continue\r\n\r\n", noAnswer),
    Case("another protocol", "nonsense\r\n\r\n", noHTTP),
    Case("a status that is no number", "HTTP/1.1 two hundred\r\n\r\n", noHTTP),
    Case("an unknown version", "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", noHTTP),
    Case("a header without a colon", ok + "no colon\r\n\r\n", noHTTP),
    Case("a zero in a header", ok + "A: \u{0}\r\n\r\n", noHTTP),
    Case("a bell in a header", ok + "A: \u{7}\r\n\r\n", noHTTP),
    Case("a header of 1 MB", ok + "A: \(String(repeating: kilobyte, count: 1000))\r\n\r\n", noHTTP),
    Case("headers of 1 MB", ok + String(repeating: "A: \(kilobyte)\r\n", count: 1000) + "\r\n", noHTTP),
    Case("a negative length", ok + "Content-Length: -5\r\n\r\nhello", noHTTP),
    Case("an absurd length", ok + "Content-Length: 99999999999999999999\r\n\r\n", noHTTP),
    Case("two lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", noHTTP),
  ]

  /// The same for bodies.
  static let bodies: [Case] = [
    Case("a part of a body", ok + "Content-Length: 9\r\n\r\nhello", "the connection broke"),
    Case("a part of a chunk", chunked + "9\r\nhello", "the connection broke"),
    Case("a chunk without a length", chunked + "zz\r\n", noHTTP),
    Case("a chunk of an absurd length", chunked + "FFFFFFFFFFFFFFFFF\r\n", noHTTP),
  ]

  @Test(
    "The list of files is asked for until all attempts are used, and the error names the hub", arguments: heads + bodies
  )
  func listing(answer: Case) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { $0.always = { $1 = LocalServer.Answer(raw: answer.sent) } }
    let error = await scene.failure()
    #expect(error?.code == .unreachable)
    #expect(error?.message == "\(scene.hub.address) cannot be reached: \(answer.reason) (3 attempts)")
    #expect(scene.hub.requests.count == 3)
  }

  @Test("Within a file: what has arrived stays, and the next pull asks for the rest", arguments: heads)
  func partial(answer: Case) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(file, { _, honest in honest.cut = 25_000 })
    for _ in 0..<4 { scene.hub.disturb(file, { $1 = LocalServer.Answer(raw: answer.sent) }) }
    let error = await scene.failure()
    #expect(error?.code == .unreachable)
    #expect(error?.message == "\(scene.hub.storeAddress) cannot be reached: \(answer.reason) (4 attempts)")
    #expect(try scene.entries().contains { $0.key.hasSuffix(".incomplete") && $0.value == "25000 bytes" })
    #expect(scene.isWhole(try await scene.pull()))
    #expect(scene.weightRequests.last?.rangeStart == 25_000)
  }

  @Test(
    "A body that turns out to be garbled is taken up no later than where that begins",
    arguments: ["zz\r\n", "FFFFFFFFFFFFFFFFF\r\n", "5\r\nhello!!"])
  func chunks(end: String) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    // One chunk fills the 64 KiB that are sent before the pause.
    let length = (1 << 16) - (Self.chunked + "0000\r\n").utf8.count
    let head = Self.chunked + String(length, radix: 16) + "\r\n"
    scene.hub.disturb(
      file,
      { _, answer in
        answer.raw = Array(head.utf8) + HubScene.weights[..<length] + Array("\r\n\(end)".utf8)
        answer.pause = 1_000_000
      })
    #expect(scene.isWhole(try await scene.pull()))
    // How much of what came before has been read by then, and so stays, is a matter of time.
    let starts = scene.weightRequests.map { $0.rangeStart ?? 0 }
    // A chunk may be handed over before what follows it turns out to be garbled: then the file does not have its checksum and is begun again.
    let tookGarbled = end.hasPrefix("5") && starts == [0, length + 5, 0]
    #expect(starts.count == 2 || tookGarbled, "\(starts)")
    #expect(starts.last.map { (0...length).contains($0) } == true)
  }

  @Test("Bytes behind the end of an answer belong to none: the file is whole without them")
  func excess() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(
      file,
      { _, answer in
        let head = Self.ok + "Content-Length: \(HubScene.weights.count)\r\n\r\n"
        answer.raw = Array(head.utf8) + HubScene.weights + [UInt8](repeating: 1, count: 1 << 20)
      })
    #expect(scene.isWhole(try await scene.pull()))
    #expect(scene.weightRequests.count == 1)
    let other = try HubScene()
    defer { other.remove() }
    other.hub.state.withLock {
      $0.always = { $1 = LocalServer.Answer(raw: Self.ok + "Content-Length: 8\r\n\r\n{\"sha\": 1}") }
    }
    let error = await other.failure()
    #expect(error?.code == .badAnswer)
    #expect(error?.message.hasPrefix("\(other.hub.address) lists org/name in a malformed answer") == true)
  }

  @Test(
    "A server that hangs up or talks as soon as a client connects",
    arguments: ["", ok, ok + "\r\nhello", "SSH-2.0\r\n"])
  func hasty(sent: String) async throws {
    let scene = try HubScene()
    let server = try LocalServer(readsRequests: false) { _ in LocalServer.Answer(raw: sent) }
    defer { scene.remove() }
    for _ in 0..<20 {
      let error = await scene.failure(environment: ["HF_ENDPOINT": server.address])
      #expect([.unreachable, .badAnswer].contains(error?.code))
      #expect(error?.message.hasPrefix(server.address) == true)
    }
  }

  @Test("Answers with bytes changed, left out or doubled at random: each pull ends whole or in a typed error")
  func garbled() async throws {
    let config = ["config.json": FakeHub.File(Array("{\"model_type\": \"llama\"}".utf8))]
    let scene = try HubScene(config)
    defer { scene.remove() }
    let random = Mutex(Garbler())
    scene.hub.state.withLock { state in
      state.always = { request, answer in
        answer.raw = random.withLock { $0.garbled(answer.head + (request.method == "HEAD" ? [] : answer.body)) }
      }
    }
    for round in 0..<150 {
      let cache = ["HF_HOME": scene.folder.appendingPathComponent("\(round)").path]
      do {
        let snapshot = try await scene.pull(
          "org/name", HubSelection(include: ["*"]), environment: cache, attempts: 2, silence: 2)
        #expect(scene.isWhole(snapshot, config))
      } catch { #expect(error is CheckpointError, "\(error)") }
    }
  }

  @Test("A switch to another protocol is no answer to anything")
  func upgrade() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let sent = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"
    scene.hub.state.withLock { $0.always = { $1 = LocalServer.Answer(raw: sent) } }
    let error = await scene.failure()
    #expect(error?.code == .badAnswer)
    #expect(error?.message == "\(scene.hub.address) answers HTTP 101 for org/name")
  }

  @Test("A server that is silent before its answer, or never ends a head, counts as broken", arguments: ["", "\r\n"])
  func silent(end: String) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { state in
      state.always = { _, answer in
        Thread.sleep(forTimeInterval: 2)
        answer = LocalServer.Answer(raw: Self.ok + end)
      }
    }
    let error = await scene.failure(attempts: 1, silence: 1)
    #expect(error?.code == .unreachable)
    #expect(error?.message == "\(scene.hub.address) cannot be reached: it does not answer")
  }

  @Test("An https address without encryption, and certificates that cannot be read")
  func encryption() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let server = try LocalServer(readsRequests: false) { _ in LocalServer.Answer(raw: Self.ok + "\r\n") }
    let address = server.address.replacingOccurrences(of: "http:", with: "https:")
    let plain = await scene.failure(environment: ["HF_ENDPOINT": address])
    #expect(plain?.code == .unreachable)
    #expect(plain?.message.hasPrefix("\(address) cannot be trusted (no secure connection)") == true)
    let missing = scene.folder.path + "/none.pem"
    let unreadable = await scene.failure(environment: ["HF_ENDPOINT": address, "SSL_CERT_FILE": missing])
    #expect(unreadable?.code == .unreachable)
    #expect(unreadable?.message == "SSL_CERT_FILE is no readable file of certificates: \(missing)")
  }
}

/// Damages bytes, the same way in each run (the generator is MMIX by Knuth).
private struct Garbler {
  private var state: UInt64 = 1

  private mutating func number(below limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % max(1, limit)
  }

  mutating func garbled(_ bytes: [UInt8]) -> [UInt8] {
    guard number(below: 3) == 0 else { return bytes }
    var bytes = bytes
    for _ in 0...number(below: 3) {
      let place = number(below: bytes.count)
      let end = min(bytes.count, place + number(below: 20))
      switch number(below: 6) {
      case 0: bytes.removeSubrange(place...)
      case 1: bytes.removeSubrange(place..<end)
      case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 3: bytes.insert(contentsOf: "\r\n".utf8, at: place)
      case 4: bytes += bytes
      default: bytes.insert(UInt8(number(below: 256)), at: place)
      }
    }
    return bytes
  }
}
