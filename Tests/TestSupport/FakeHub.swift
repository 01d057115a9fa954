import Crypto
public import Foundation
public import Synchronization

/// A hub with one model, `org/name`, and any data sets, that plays the interface of huggingface.co as PyPI `huggingface_hub` uses it.
///
/// Large files are kept by a second server, to whose signed addresses the hub redirects.
public final class FakeHub: Sendable {
  /// A file of the model.
  public struct File: Sendable {
    /// The content.
    public var bytes: [UInt8]
    /// Whether the file is kept by the store and named by its SHA-256, or by the hub and named as a git object.
    public var isLarge: Bool

    /// A file.
    public init(_ bytes: [UInt8], isLarge: Bool = false) {
      self.bytes = bytes
      self.isLarge = isLarge
    }

    /// The name that the hub gives the content.
    public var tag: String {
      func text(_ digest: some Sequence<UInt8>) -> String { digest.map { String(format: "%02x", $0) }.joined() }
      if isLarge { return text(SHA256.hash(data: Data(bytes))) }
      return text(Insecure.SHA1.hash(data: Data("blob \(bytes.count)\0".utf8) + Data(bytes)))
    }
  }

  /// Changes an honest answer.
  public typealias Fault = @Sendable (LocalServer.Request, inout LocalServer.Answer) -> Void

  /// Everything the hub tells, and how it misbehaves.
  public struct State: Sendable {
    /// The files by their paths.
    public var files: [String: File]
    /// The files of data sets, by `org/name` or `org/name@revision` and then by their paths.
    public var dataSets: [String: [String: File]] = [:]
    /// The only commit, but for revisions that data sets have besides: theirs is it reversed.
    public var commit = String(repeating: "0123456789", count: 4)
    /// The token that the hub wants to see.
    public var token: String?
    /// Paths that the listing has besides those of files.
    public var listedPaths: [String] = []
    /// For each path (or `listing`), what happens to the first, second, … answer that has its content.
    public var faults: [String: [Fault]] = [:]
    /// What happens to every answer of the hub.
    public var always: Fault?
  }

  /// What may be changed while the hub runs.
  public let state: Mutex<State>
  private struct Servers: Sendable {
    let hub: LocalServer
    let store: LocalServer
  }

  private let servers = Mutex<Servers?>(nil)

  /// Starts both servers.
  public init(_ files: [String: File]) throws {
    state = Mutex(State(files: files))
    let store = try LocalServer { [weak self] in self?.stored($0) ?? LocalServer.Answer(500) }
    let hub = try LocalServer { [weak self] in self?.answer($0, store: store.address) ?? LocalServer.Answer(500) }
    servers.withLock { $0 = Servers(hub: hub, store: store) }
  }

  private var running: Servers? { servers.withLock { $0 } }

  /// The address of the hub.
  public var address: String { running?.hub.address ?? "" }
  /// The address of the store.
  public var storeAddress: String { running?.store.address ?? "" }
  /// What the hub was asked.
  public var requests: [LocalServer.Request] { running?.hub.requests ?? [] }
  /// What the store was asked.
  public var storeRequests: [LocalServer.Request] { running?.store.requests ?? [] }
  /// Refuses connections from now on.
  public func stop() {
    running?.hub.stop()
    running?.store.stop()
  }

  /// The variables that make a client use this hub and the cache folder `cache`, without other settings of this machine.
  public func environment(cache: URL) -> [String: String] {
    [
      "HF_ENDPOINT": address, "HF_HOME": cache.path, "HF_HUB_CACHE": "", "HF_TOKEN": "", "HF_TOKEN_PATH": "",
      "HF_HUB_OFFLINE": "", "no_proxy": "127.0.0.1",
    ]
  }

  /// Puts faults before the answers with the content of a path.
  public func disturb(_ path: String, _ faults: Fault...) {
    state.withLock { $0.faults[path, default: []] += faults }
  }

  private func answer(_ request: LocalServer.Request, store: String) -> LocalServer.Answer {
    var answer = honest(request, store: store)
    if let always = state.withLock({ $0.always }) { always(request, &answer) }
    return answer
  }

  /// A revision of a repository.
  private struct Repository {
    var address: String
    var path: String
    var revisions: [String]
    var commit: String
    var files: [String: File]
    var others: [String] = []
  }

  private static func repositories(_ state: State) -> [Repository] {
    let usual = ["main", "v1/x", state.commit]
    let model = Repository(
      address: "models/org/name", path: "org/name", revisions: usual, commit: state.commit, files: state.files,
      others: state.listedPaths)
    return [model]
      + state.dataSets.map { name, files in
        let parts = name.split(separator: "@", maxSplits: 1).map(String.init)
        let place = "datasets/" + parts[0]
        return Repository(
          address: place, path: place, revisions: parts.count > 1 ? [parts[1]] : usual,
          commit: parts.count > 1 ? String(state.commit.reversed()) : state.commit, files: files)
      }
  }

  private func honest(_ request: LocalServer.Request, store: String) -> LocalServer.Answer {
    let now = state.withLock { $0 }
    if let token = now.token, request.headers["authorization"] != "Bearer \(token)" {
      return LocalServer.Answer(401, headers: ["X-Error-Code": "GatedRepo"])
    }
    let target = request.target.removingPercentEncoding ?? request.target
    let repositories = Self.repositories(now)
    if target.hasPrefix("/api/") {
      func start(_ repository: Repository) -> String { "/api/\(repository.address)/revision/" }
      let known = repositories.filter { target.hasPrefix(start($0)) }
      guard let first = known.first else { return LocalServer.Answer(404, headers: ["X-Error-Code": "RepoNotFound"]) }
      let revision = String(target.dropFirst(start(first).count))
      guard let asked = known.first(where: { $0.revisions.contains(revision) }) else {
        return LocalServer.Answer(404, headers: ["X-Error-Code": "RevisionNotFound"])
      }
      let paths = asked.files.keys.sorted() + asked.others
      let siblings = paths.map { "{\"rfilename\": \(Self.quoted($0))}" }.joined(separator: ", ")
      let text = "{\"id\": \"org/name\", \"sha\": \"\(asked.commit)\", \"siblings\": [\(siblings)]}"
      return faulty("listing", request, LocalServer.Answer(200, body: Array(text.utf8)))
    }
    func prefix(_ repository: Repository) -> String { "/\(repository.path)/resolve/\(repository.commit)/" }
    guard let asked = repositories.first(where: { target.hasPrefix(prefix($0)) }),
      let file = asked.files[String(target.dropFirst(prefix(asked).count))]
    else {
      return LocalServer.Answer(404, headers: ["X-Error-Code": "EntryNotFound"])
    }
    let path = String(target.dropFirst(prefix(asked).count))
    var headers = ["X-Repo-Commit": asked.commit]
    guard !file.isLarge else {
      headers["X-Linked-Etag"] = "\"\(file.tag)\""
      headers["X-Linked-Size"] = "\(file.bytes.count)"
      headers["Location"] = "\(store)/\(path)?signature=secret"
      return LocalServer.Answer(302, headers: headers, body: Array("Found".utf8))
    }
    let answer = Self.content(file, tag: "\"\(file.tag)\"", headers: headers, request)
    return request.method == "GET" ? faulty(path, request, answer) : answer
  }

  private func stored(_ request: LocalServer.Request) -> LocalServer.Answer {
    let path = request.target.split(separator: "?").first.map { String($0.dropFirst()) } ?? ""
    guard
      let file = state.withLock({ now in now.files[path] ?? now.dataSets.values.lazy.compactMap { $0[path] }.first })
    else { return LocalServer.Answer(404) }
    return faulty(path, request, Self.content(file, tag: "\"store-\(file.tag.prefix(8))\"", headers: [:], request))
  }

  private func faulty(
    _ path: String, _ request: LocalServer.Request, _ answer: LocalServer.Answer
  ) -> LocalServer.Answer {
    let fault = state.withLock { state -> Fault? in
      guard let first = state.faults[path]?.first else { return nil }
      state.faults[path]?.removeFirst()
      return first
    }
    var answer = answer
    fault?(request, &answer)
    return answer
  }

  private static func content(
    _ file: File, tag: String, headers: [String: String], _ request: LocalServer.Request
  ) -> LocalServer.Answer {
    var headers = headers
    headers["ETag"] = tag
    let condition = request.headers["if-range"]
    guard let start = request.rangeStart, condition == nil || condition == tag else {
      return LocalServer.Answer(200, headers: headers, body: file.bytes)
    }
    guard start < file.bytes.count else { return LocalServer.Answer(416, headers: headers) }
    headers["Content-Range"] = "bytes \(start)-\(file.bytes.count - 1)/\(file.bytes.count)"
    return LocalServer.Answer(206, headers: headers, body: Array(file.bytes[start...]))
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
        ? String(format: "\\u%04x", scalar.value) : String(scalar)
    }
    return "\"\(escaped.joined())\""
  }
}
