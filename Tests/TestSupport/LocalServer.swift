import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A small HTTP server on a port of this machine that can break every rule: one answer for each connection.
public final class LocalServer: Sendable {
  /// What a client asked for.
  public struct Request: Sendable {
    /// `GET` or `HEAD`.
    public let method: String
    /// The path and query as sent.
    public let target: String
    /// The headers by their names in lower case.
    public let headers: [String: String]

    /// The first byte that is wanted, from a header like `Range: bytes=5-`.
    public var rangeStart: Int? {
      guard let range = headers["range"], range.hasPrefix("bytes="), range.hasSuffix("-") else { return nil }
      return Int(range.dropFirst(6).dropLast())
    }
  }

  /// What a client gets.
  public struct Answer: Sendable {
    /// The status code.
    public var status: Int
    /// The headers besides `Content-Length`.
    public var headers: [String: String]
    /// The whole body.
    public var body: [UInt8]
    /// The `Content-Length` where it is not that of the body.
    public var declaredLength: Int?
    /// The connection ends after this many bytes of the body.
    public var cut: Int?
    /// A pause after every 64 KiB, in microseconds.
    public var pause: UInt32 = 0
    /// Bytes that are sent instead of head and body, before the connection ends.
    public var raw: [UInt8]?

    /// An honest answer.
    public init(_ status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
      self.status = status
      self.headers = headers
      self.body = body
    }

    /// The status line and all headers.
    public var head: [UInt8] {
      var head = "HTTP/1.1 \(status) Answer\r\nConnection: close\r\n"
      for (name, value) in headers { head += "\(name): \(value)\r\n" }
      return Array((head + "Content-Length: \(declaredLength ?? body.count)\r\n\r\n").utf8)
    }

    /// Bytes that need not be HTTP.
    public init(raw: String) {
      self.init(0)
      self.raw = Array(raw.utf8)
    }
  }

  /// The port on 127.0.0.1.
  public let port: Int
  private let descriptor: Int32
  private let log = Mutex<[Request]>([])
  private let readsRequests: Bool
  private let answer: @Sendable (Request) -> Answer

  /// Starts a server on a free port; one that does not read requests answers as soon as a client connects.
  public init(readsRequests: Bool = true, answer: @escaping @Sendable (Request) -> Answer) throws {
    self.readsRequests = readsRequests
    self.answer = answer
    #if canImport(Glibc)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isReady = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0
          && getsockname(descriptor, pointer, &length) == 0
      }
    }
    guard isReady else { throw CocoaError(.fileReadUnknown) }
    port = Int(UInt16(bigEndian: address.sin_port))
    signal(SIGPIPE, SIG_IGN)
    Thread { [weak self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0, let self else { break }
        Thread {
          self.serve(connection)
          close(connection)
        }.start()
      }
      close(descriptor)
    }.start()
  }

  deinit { stop() }

  /// Refuses connections from now on.
  public func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// `http://127.0.0.1:PORT`.
  public var address: String { "http://127.0.0.1:\(port)" }

  /// All requests so far.
  public var requests: [Request] { log.withLock { $0 } }

  private func serve(_ connection: Int32) {
    let request: Request
    if readsRequests {
      guard let read = Self.read(connection) else { return }
      request = read
    } else {
      request = Request(method: "", target: "", headers: [:])
    }
    log.withLock { $0.append(request) }
    let answer = answer(request)
    if let raw = answer.raw { return Self.write(raw[...], to: connection, pause: answer.pause) }
    guard Self.write(answer.head[...], to: connection), request.method != "HEAD" else { return }
    let sent = answer.cut.map { min($0, answer.body.count) } ?? answer.body.count
    Self.write(answer.body[..<sent], to: connection, pause: answer.pause)
  }

  private static func write(_ bytes: ArraySlice<UInt8>, to connection: Int32, pause: UInt32) {
    var rest = bytes
    while !rest.isEmpty {
      guard write(rest.prefix(1 << 16), to: connection) else { return }
      rest = rest.dropFirst(1 << 16)
      if pause > 0 { usleep(pause) }
    }
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0, bytes.count < 1 << 16 else { return nil }
      bytes += buffer[..<count]
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return Request(method: String(words[0]), target: String(words[1]), headers: headers)
  }

  private static func write(_ bytes: ArraySlice<UInt8>, to connection: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let count = send(connection, part.baseAddress, part.count, 0)
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }
}
