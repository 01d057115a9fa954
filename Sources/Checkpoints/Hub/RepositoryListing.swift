import Foundation
import JSONReader

/// Which files a revision of a repository has.
struct RepositoryListing: Sendable {
  /// The id of the commit, 40 hexadecimal digits.
  let commit: String
  /// The paths of all files, in the hub's order.
  let paths: [String]

  /// A longer answer is refused; 100 000 files need about 10 MB.
  private static let longestAnswer = 32 << 20

  /// Asks the hub.
  ///
  /// - Throws: `CheckpointError`: `notFound`, `accessDenied`, `unreachable`, or `badAnswer` for an answer that is malformed or
  ///   names a path outside its folder.
  init(of repository: HubRepository, from connection: HubConnection, attempts: Int) async throws {
    let revision = RepositoryPath.escaped(repository.revision, keepsSlashes: false)
    let url = try connection.url("/api/\(repository.interfaceAddress)/revision/\(revision)")
    let hub = connection.settings.origin
    self = try await connection.retrying(attempts: attempts) {
      var reply = try await connection.send("GET", url, isShort: true)
      try connection.check(reply, for: repository)
      do {
        guard let body = try await reply.answer.body(limit: Self.longestAnswer) else {
          throw CheckpointError(.badAnswer, "\(hub) lists \(repository) in more than \(Self.longestAnswer) bytes")
        }
        return try Self(try JSONValue.parse(body))
      } catch let error as JSONError {
        throw CheckpointError(.badAnswer, "\(hub) lists \(repository) in a malformed answer: \(error)")
      } catch let error as HTTPFailure {
        throw connection.failure(error, at: reply.origin)
      }
    }
  }

  /// Reads the hub's description of a repository: `sha`, and `rfilename` of each of the `siblings`.
  init(_ description: JSONValue) throws {
    guard let commit = description["sha"]?.stringValue, Self.isCommit(commit) else {
      throw CheckpointError(.badAnswer, "the hub's answer names no commit")
    }
    guard let siblings = description["siblings"]?.arrayValue else {
      throw CheckpointError(.badAnswer, "the hub's answer lists no files")
    }
    self.commit = commit
    var seen: Set<String> = []
    paths = try siblings.compactMap { sibling in
      guard let path = sibling["rfilename"]?.stringValue else {
        throw CheckpointError(.badAnswer, "the hub's answer lists a file without a name")
      }
      guard RepositoryPath.isSafe(path) else {
        let shown = JSONValue.string(path).serialized(pretty: false)
        throw CheckpointError(.badAnswer, "the hub's answer lists the file \(shown), which would leave its folder")
      }
      return seen.insert(path).inserted ? path : nil
    }
  }

  /// Whether a revision is a whole commit id.
  static func isCommit(_ revision: String) -> Bool {
    revision.utf8.count == 40
      && revision.utf8.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }
}
