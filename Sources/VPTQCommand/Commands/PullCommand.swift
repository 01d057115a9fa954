import ArgumentParser
import Checkpoints
import Foundation
import JSONReader

/// `vptq pull`: a model or data set from the hub into the cache.
struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Download a model or data set from the hub into the cache, or the rest of it.",
    discussion: """
      The cache and the variables HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are those of the Hugging
      Face libraries. Without --include, the files are those that running the model needs, of a data set
      those with rows (Parquet, JSON lines, texts): choose some of a large one.

      Examples:
        vptq pull HuggingFaceTB/SmolLM2-135M-Instruct
        vptq pull org/name --revision v1.0 --include '*.json' --include 'model-00001-*'
        vptq pull --data-set allenai/ai2_arc --include 'ARC-Easy/test-*'
      """)

  @Argument(help: "A model or data set of the hub: org/name, or org/name@revision.")
  var name: String

  @Flag(help: "The name is that of a data set.")
  var dataSet = false

  @Option(help: "A branch, tag or commit (default: main).")
  var revision: String?

  @Option(help: ArgumentHelp("Only files whose path matches, like '*.json'; repeatable.", valueName: "pattern"))
  var include: [String] = []

  @Option(help: ArgumentHelp("No files whose path matches; repeatable.", valueName: "pattern"))
  var exclude: [String] = []

  @OptionGroup var common: CommonOptions

  private var kind: HubRepository.Kind { dataSet ? .dataSet : .model }

  func validate() throws {
    guard HubRepository(name, revision: revision) != nil else {
      if let revision, HubRepository(name) != nil {
        throw ValidationError("\(name) with --revision \(revision) does not name one revision")
      }
      throw ValidationError("\(name) is no name like org/name")
    }
  }

  func run() async throws {
    guard let repository = HubRepository(name, kind: kind, revision: revision) else {
      throw ValidationError("\(name) is no name")
    }
    let (quiet, files) = (
      common.quiet,
      dataSet
        ? HubSelection.data(include: include, exclude: exclude) : HubSelection(include: include, exclude: exclude)
    )
    let interruption = Interruption()
    let work = Task { try await HubDownload.pull(repository, files, quiet: quiet) }
    let watch = Task {
      while !interruption.isRequested { try await Task.sleep(for: .milliseconds(50)) }
      work.cancel()
    }
    defer { watch.cancel() }
    let snapshot: HubSnapshot
    do {
      snapshot = try await work.value
    } catch is CancellationError {
      throw Failure(
        exit: .interrupted, code: "interrupted", message: "interrupted; what has arrived is kept",
        hint: "the same command goes on with it")
    }
    if common.json {
      print(Self.document(snapshot).serialized(pretty: true))
    } else {
      print(snapshot.path)
    }
  }

  private static func document(_ snapshot: HubSnapshot) -> JSONValue {
    .object([
      ("path", .string(snapshot.path)), ("revision", .string(snapshot.commit)),
      ("files", .array(snapshot.files.map(JSONValue.string))), ("bytes", .integer(snapshot.bytes)),
      ("downloaded_bytes", .integer(snapshot.downloadedBytes)),
    ])
  }
}
