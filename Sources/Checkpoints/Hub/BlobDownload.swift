/// Brings one file into the blobs of the cache: goes on with what an earlier run has left, survives broken connections,
/// and gives the blob its name only when its length and checksum are right.
struct BlobDownload {
  /// The hub now has another content under the same address than its headers promised.
  struct ContentChanged: Error {}

  let file: RemoteFile
  let repository: HubRepository
  let cache: HubCache
  let connection: HubConnection
  let progress: PullProgress

  /// Downloads the file unless its blob is there; waits while another process does so.
  ///
  /// - Throws: `ContentChanged`; `CheckpointError`: `damagedDownload`, `cannotWrite`, and those of `HubConnection`.
  func run() async throws {
    let lock = try await FileLock(path: cache.lock(file.blob)) {
      progress.note("waiting for another process that downloads \(file.path)")
    }
    defer { withExtendedLifetime(lock) {} }
    let final = cache.blob(file.blob)
    if HubCache.size(final) == file.size {
      progress.found(file.size, of: file.path)
      return
    }
    let partial = try PartialBlob(path: cache.incomplete(file.blob), name: file.blob, expectedSize: file.size)
    progress.found(partial.size, of: file.path)
    var isFresh = partial.size == 0
    while true {
      isFresh = try await complete(partial) && isFresh
      if partial.isRight { return try partial.publish(as: final) }
      try restart(partial)
      guard !isFresh else {
        partial.discard()
        throw CheckpointError(
          .damagedDownload,
          "\(file.path) of \(repository) arrived damaged: its checksum is not \(file.blob). Try again; if that does not "
            + "help, something between here and \(connection.settings.origin) changes it")
      }
      // Perhaps parts of different contents have met: once more, in one piece.
      isFresh = true
    }
  }

  private func restart(_ partial: PartialBlob) throws {
    progress.found(-partial.size, of: file.path)
    try partial.restart()
  }

  /// Fetches until the partial blob has its full length; whether all of it came in a single answer.
  private func complete(_ partial: PartialBlob) async throws -> Bool {
    var retries = Retries(connection.retryPolicy)
    var parts = PartState()
    var best = partial.size
    while partial.size < file.size {
      do {
        try await fetch(into: partial, &parts)
      } catch let failure as TransientFailure {
        if partial.size > best { retries.reset() }
        best = max(best, partial.size)
        try await retries.pause(after: failure)
      }
    }
    return parts.answers <= 1
  }

  /// What the answers so far have told about the content.
  private struct PartState {
    /// How many have brought bytes.
    var answers = 0
    /// The ETag of the host that sends the bytes, which need not be that of the hub.
    var contentTag: String?
  }

  /// Sends one request for what is missing and appends what arrives.
  private func fetch(into partial: PartialBlob, _ parts: inout PartState) async throws {
    var headers: [String: String] = [:]
    if partial.size > 0 {
      headers["Range"] = "bytes=\(partial.size)-"
      // Only a strong tag of the host that sends the bytes can tell whether they are still the same.
      if let tag = parts.contentTag, tag.hasPrefix("\"") { headers["If-Range"] = tag }
    }
    var reply = try await connection.send("GET", file.url, headers: headers)
    let status = reply.answer.status
    if status != 416 { try connection.check(reply, for: repository, file: file.path) }
    try checkContent(reply)
    let tag = reply.answer.header("ETag")
    let isSame = parts.contentTag == nil || tag == nil || parts.contentTag == tag
    parts.contentTag = tag
    switch status {
    case 206 where isSame && partial.size > 0 && continues(reply.answer, at: partial.size):
      break
    case 200:
      if let length = reply.answer.byteCount("Content-Length"), length != file.size,
        reply.answer.header("Content-Encoding") ?? "identity" == "identity"
      {
        throw TransientFailure(
          message: "\(file.path) of \(repository) is to have \(file.size) bytes, but \(length) are sent")
      }
      try restart(partial)
      parts.answers = 0
    case 206, 416:
      try restart(partial)
      parts = PartState()
      throw TransientFailure(message: "the rest of \(file.path) of \(repository) is not to be had")
    default:
      throw CheckpointError(
        .badAnswer, "\(connection.settings.origin) answers HTTP \(status) for \(file.path) of \(repository)")
    }
    parts.answers += 1
    try await append(&reply, to: partial)
  }

  private func append(_ reply: inout HubConnection.Reply, to partial: PartialBlob) async throws {
    do {
      while let data = try await reply.answer.next() {
        guard data.count <= file.size - partial.size else {
          try restart(partial)
          throw TransientFailure(message: "more than the \(file.size) bytes of \(file.path) of \(repository) are sent")
        }
        try partial.append(data)
        progress.received(data.count, of: file.path)
      }
    } catch let error as HTTPFailure {
      throw connection.failure(error, at: reply.origin)
    }
    guard partial.size == file.size else {
      throw TransientFailure(message: "\(file.path) of \(repository) ended after \(partial.size) of \(file.size) bytes")
    }
  }

  /// Whether the hub still means the content that its headers described.
  private func checkContent(_ reply: HubConnection.Reply) throws {
    let told = reply.linkedETag ?? (reply.isFromHub ? reply.answer.header("ETag") : nil)
    if let told, BlobName(header: told) != file.blob { throw ContentChanged() }
  }

  /// Whether an answer is the part from `start` of a file of the right length (`Content-Range: bytes 5-9/10`).
  private func continues(_ answer: HTTPAnswer, at start: Int) -> Bool {
    guard let range = answer.header("Content-Range")?.lowercased(), range.hasPrefix("bytes \(start)-") else {
      return false
    }
    return range.hasSuffix("/\(file.size)") || range.hasSuffix("/*")
  }
}
