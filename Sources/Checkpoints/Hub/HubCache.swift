import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The folders of one repository in the cache, laid out as PyPI `huggingface_hub` does.
///
/// `models--org--name/` (of a data set `datasets--org--name/`) holds `blobs/ETAG`, `snapshots/COMMIT/PATH` (relative links to blobs) and `refs/REVISION` (a commit id);
/// locks are in `.locks/` beside it, under the same name.
struct HubCache: Sendable {
  let folder: String
  private let lockFolder: String

  init(root: String, repository: HubRepository) {
    let name = repository.folderName
    folder = root + "/" + name
    lockFolder = root + "/.locks/" + name
  }

  func blob(_ name: BlobName) -> String { "\(folder)/blobs/\(name)" }

  /// Where a blob is collected until it is complete.
  func incomplete(_ name: BlobName) -> String { blob(name) + ".incomplete" }

  func lock(_ name: BlobName) -> String { "\(lockFolder)/\(name).lock" }

  func snapshot(_ commit: String) -> String { "\(folder)/snapshots/\(commit)" }

  func file(_ path: String, in commit: String) -> String { "\(snapshot(commit))/\(path)" }

  private func reference(_ revision: String) -> String { "\(folder)/refs/\(revision)" }

  /// The commit that a revision was when it was last pulled, or is itself; nil if that is not known.
  func commit(of revision: String) -> String? {
    if RepositoryListing.isCommit(revision) { return revision }
    guard let data = FileManager.default.contents(atPath: reference(revision)), data.count < 256 else { return nil }
    let commit = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return RepositoryListing.isCommit(commit) ? commit : nil
  }

  /// Remembers which commit a revision is.
  func remember(_ commit: String, of revision: String) throws {
    guard revision != commit, self.commit(of: revision) != commit else { return }
    try AtomicFile.write(Array(commit.utf8), to: reference(revision))
  }

  /// Makes the folders for the blobs and locks.
  func prepare() throws {
    for path in ["\(folder)/blobs", lockFolder] { try Self.makeFolder(path) }
  }

  /// Makes `path` of a snapshot a relative link to a blob; a link or file that was there is replaced.
  func link(_ path: String, in commit: String, to name: BlobName) throws {
    let place = file(path, in: commit)
    try Self.makeFolder((place as NSString).deletingLastPathComponent)
    let depth = path.utf8.count { $0 == UInt8(ascii: "/") }
    let target = String(repeating: "../", count: depth + 2) + "blobs/\(name)"
    if symlink(target, place) == 0 { return }
    guard errno == EEXIST else { throw CheckpointError.writing(place) }
    if (try? FileManager.default.destinationOfSymbolicLink(atPath: place)) == target { return }
    // Another process may do the same at this moment: what counts is that the link is there afterwards.
    unlink(place)
    guard symlink(target, place) == 0 || errno == EEXIST else { throw CheckpointError.writing(place) }
  }

  /// The length of the file that a path of a snapshot leads to; nil if there is none.
  func size(of path: String, in commit: String) -> Int? { Self.size(file(path, in: commit)) }

  /// The length of a file, nil if there is none.
  static func size(_ path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// The paths of all files of a snapshot, sorted.
  func files(in commit: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: snapshot(commit))
    return (all?.compactMap { $0 as? String } ?? []).filter { size(of: $0, in: commit) != nil }.sorted()
  }

  private static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError(.cannotWrite, "cannot make the folder \(path): \(error.localizedDescription)")
    }
  }
}
