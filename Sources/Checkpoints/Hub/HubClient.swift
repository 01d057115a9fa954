import Foundation
public import Tensors

/// Brings models from a hub into the cache that all programs of the Hugging Face ecosystem share.
///
/// ```swift
/// let hub = HubClient(try HubSettings())
/// if let name = HubRepository("org/name") {
///   let folder = try ModelDirectory(path: try await hub.pull(name).path)
/// }
/// ```
public struct HubClient: Sendable {
  private let settings: HubSettings
  private let connection: HubConnection

  /// Requests of one pull that run at the same time.
  private static let concurrency = 4

  /// A client of one hub.
  public init(_ settings: HubSettings) {
    self.init(settings, retryPolicy: RetryPolicy(), silence: 30)
  }

  init(_ settings: HubSettings, retryPolicy: RetryPolicy, silence: Double) {
    self.settings = settings
    connection = HubConnection(settings: settings, retryPolicy: retryPolicy, silence: silence)
  }

  /// Downloads what is missing of the wanted files. What is in the cache is used; without a network, a complete snapshot
  /// in the cache is enough.
  ///
  /// A pull that ends early, by an error, cancellation or a signal, leaves what has arrived for the next one.
  ///
  /// - Throws: `CheckpointError`: `notFound`, `accessDenied`, `unreachable`, `badAnswer`, `damagedDownload`, `unsupported`,
  ///   `cannotWrite`; `CancellationError`.
  public func pull(
    _ repository: HubRepository, files selection: HubSelection = .model,
    progress: any ProgressListener = SilentProgress()
  ) async throws -> HubSnapshot {
    let cache = HubCache(root: settings.cacheFolder, repository: repository)
    let known = knownSnapshot(of: repository, selection, cache)
    if settings.isOffline {
      guard let known else {
        throw CheckpointError(
          .unreachable,
          "\(repository) is not complete in \(settings.cacheFolder), and HF_HUB_OFFLINE forbids to ask for it: pull it once "
            + "without that")
      }
      return known.withNotice("offline: using \(repository) as it was last pulled")
    }
    let listing: RepositoryListing
    do {
      listing = try await RepositoryListing(of: repository, from: connection, attempts: known == nil ? 3 : 1)
    } catch let error as CheckpointError where error.code == .unreachable {
      guard let known else { throw error }
      return known.withNotice("\(error.message); using \(repository) as it was last pulled")
    }
    let paths = try selection.select(from: listing.paths, of: repository)
    return try await download(paths, of: repository, commit: listing.commit, into: cache, progress)
  }

  /// The complete snapshot that the cache has of the revision.
  private func knownSnapshot(of repository: HubRepository, _ selection: HubSelection, _ cache: HubCache) -> HubSnapshot?
  {
    guard let commit = cache.commit(of: repository.revision) else { return nil }
    let present = cache.files(in: commit)
    guard selection.isComplete(present, folder: cache.snapshot(commit)),
      let paths = try? selection.select(from: present, of: repository)
    else { return nil }
    return snapshot(paths, commit: commit, cache, downloaded: 0)
  }

  private func snapshot(_ paths: [String], commit: String, _ cache: HubCache, downloaded: Int) -> HubSnapshot {
    HubSnapshot(
      path: cache.snapshot(commit), commit: commit, files: paths,
      bytes: paths.reduce(0) { $0 + (cache.size(of: $1, in: commit) ?? 0) }, downloadedBytes: downloaded, notices: [])
  }

  private func download(
    _ paths: [String], of repository: HubRepository, commit: String, into cache: HubCache,
    _ listener: any ProgressListener
  ) async throws -> HubSnapshot {
    let missing = paths.filter { cache.size(of: $0, in: commit) == nil }
    // A complete cache may be one that cannot be written.
    if !missing.isEmpty { try cache.prepare() }
    let files = try await concurrently(missing) { path in
      try await RemoteFile(path, of: repository, commit: commit, from: connection)
    }
    let present = paths.reduce(0) { $0 + (cache.size(of: $1, in: commit) ?? 0) }
    let progress = PullProgress(total: files.reduce(present) { $0 + $1.size }, listener: listener)
    if present > 0 { progress.found(present, of: "") }
    _ = try await concurrently(files) { file in
      let blob = try await store(file, of: repository, commit: commit, in: cache, progress)
      try cache.link(file.path, in: commit, to: blob)
    }
    // Only now: a revision that is remembered is one that can be used without a network.
    try cache.remember(commit, of: repository.revision)
    return snapshot(paths, commit: commit, cache, downloaded: progress.downloaded)
  }

  /// Downloads a file, again if the hub changes it meanwhile; the name of its blob.
  private func store(
    _ file: RemoteFile, of repository: HubRepository, commit: String, in cache: HubCache, _ progress: PullProgress
  ) async throws -> BlobName {
    var file = file
    for _ in 0..<3 {
      do {
        try await BlobDownload(
          file: file, repository: repository, cache: cache, connection: connection, progress: progress
        ).run()
        return file.blob
      } catch is BlobDownload.ContentChanged {
        let changed = try await RemoteFile(file.path, of: repository, commit: commit, from: connection)
        progress.expect(changed.size - file.size)
        file = changed
      }
    }
    throw CheckpointError(.badAnswer, "\(settings.origin) changes \(file.path) of \(repository) while it is downloaded")
  }

  /// Does `work` on all items, several at the same time; the first failure ends the others.
  private func concurrently<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Result
  ) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      var results = [Result?](repeating: nil, count: items.count)
      for (index, item) in items.enumerated() {
        if index >= Self.concurrency, let (finished, result) = try await group.next() { results[finished] = result }
        group.addTask { (index, try await work(item)) }
      }
      for try await (finished, result) in group { results[finished] = result }
      return results.compactMap { $0 }
    }
  }
}

extension HubSnapshot {
  fileprivate func withNotice(_ notice: String) -> HubSnapshot {
    HubSnapshot(
      path: path, commit: commit, files: files, bytes: bytes, downloadedBytes: downloadedBytes,
      notices: notices + [notice])
  }
}
