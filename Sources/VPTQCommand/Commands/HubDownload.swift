import Checkpoints
import Evaluation

/// Downloads as the user sees them: with a bar, and with notices.
enum HubDownload {
  /// What a pull with the settings of the environment gives.
  static func pull(_ repository: HubRepository, _ files: HubSelection = .model, quiet: Bool) async throws -> HubSnapshot
  {
    let progress = ConsoleProgress(quiet: quiet)
    defer { progress.clear() }
    let snapshot = try await HubClient(HubSettings()).pull(repository, files: files, progress: progress)
    progress.clear()
    if !quiet {
      for notice in snapshot.notices { Console.writeError("note: \(notice)") }
    }
    return snapshot
  }
  /// The folder with the rows of a task or text, from the data set itself or the hub's copy of it.
  ///
  /// - Throws: what pulling throws, with how to do without.
  static func pull(_ data: PublishedData, quiet: Bool) async throws -> String {
    var first: CheckpointError?
    for repository in data.repositories {
      do {
        return try await pull(repository, data.selection, quiet: quiet).path
      } catch let error as CheckpointError where [.notFound, .unreachable].contains(error.code) {
        // Without a network the copy may be what is in the cache.
        first = first ?? error
      }
    }
    throw Failure(
      exit: .missingInput, code: (first?.code ?? .notFound).rawValue,
      message: "\(data.name) needs its data: \(first?.message ?? data.dataSet)",
      hint: "give a folder with its files, --data, or pull them where there is a network: \(data.pullCommand)")
  }
}
