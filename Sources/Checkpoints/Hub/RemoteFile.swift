import Foundation

/// A file at the hub as its headers describe it.
struct RemoteFile: Sendable {
  let path: String
  let blob: BlobName
  /// In bytes.
  let size: Int
  /// Where it is asked for; the hub may redirect from there.
  let url: URL

  /// Asks the hub for the headers of a file of a commit.
  ///
  /// - Throws: `CheckpointError`: `notFound`, `accessDenied`, `unreachable`, or `badAnswer` if the headers lack the ETag or the length.
  init(_ path: String, of repository: HubRepository, commit: String, from connection: HubConnection) async throws {
    let url = try connection.url(
      "/\(repository.address)/resolve/\(commit)/\(RepositoryPath.escaped(path, keepsSlashes: true))")
    let hub = connection.settings.origin
    let reply = try await connection.retrying {
      let reply = try await connection.send("HEAD", url, redirects: .withinHub, isShort: true)
      if !(300...399).contains(reply.answer.status) { try connection.check(reply, for: repository, file: path) }
      return reply
    }
    let answer = reply.answer
    if let told = answer.header("X-Repo-Commit"), told != commit {
      throw CheckpointError(
        .badAnswer, "\(hub) answers with another commit than asked for, for \(path) of \(repository)")
    }
    let isRedirect = (300...399).contains(answer.status)
    let tag = answer.header("X-Linked-Etag") ?? answer.header("ETag")
    guard let blob = tag.flatMap(BlobName.init(header:)) else {
      throw CheckpointError(.badAnswer, "\(hub) tells no usable ETag of \(path) of \(repository)")
    }
    // The length of a redirect is that of its own text.
    let length = answer.byteCount("X-Linked-Size") ?? (isRedirect ? nil : answer.byteCount("Content-Length"))
    guard let length else { throw CheckpointError(.badAnswer, "\(hub) tells no length of \(path) of \(repository)") }
    self.path = path
    self.blob = blob
    size = length
    self.url = url
  }
}
