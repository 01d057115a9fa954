import ArgumentParser
import Checkpoints
import Foundation
import Generation
import LanguageModels
import Serving
import Tensors

/// `vptq serve`: an OpenAI-compatible server with a page to chat on.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve models over HTTP with the interface of OpenAI, and a web page to chat on.",
    discussion: """
      Examples:
        vptq serve smollm2-2bit
        vptq serve smollm2-2bit llama=models/llama-2bit --port 9000 --api-key SECRET

      Every option can also be given as an environment variable: VPTQ_PORT for --port, VPTQ_API_KEY for --api-key, VPTQ_EXACT=1
      for --exact.
      """)

  @Argument(
    help: ArgumentHelp(
      "Models, the first one is the default: a folder, a .gguf file, or org/name of the hub; NAME=MODEL gives a name.",
      valueName: "model"))
  var models: [String]

  @Option(help: "The address to listen at (default: 127.0.0.1, this machine alone).")
  var host: String?

  @Option(help: "The port (default: 8080); 0 takes a free one.")
  var port: Int?

  @Option(help: "Replies that are made at once (default: 4).")
  var parallel: Int?

  @Option(help: "Requests that wait beyond those (default: 64).")
  var queue: Int?

  @Option(help: "The most positions of prompt and reply (default: the model's own).")
  var context: Int?

  @Option(help: "Bytes of models in memory, in GiB; those that rested longest leave (default: all stay).")
  var memory: Double?

  @Option(help: "What requests must send as Authorization: Bearer KEY.")
  var apiKey: String?

  @Option(help: "An origin whose pages may ask, or *; repeatable.")
  var corsOrigin: [String] = []

  @Option(help: "The longest request in MiB (default: 8).")
  var maxBody: Int?

  @Flag(help: "Let control tokens spelled in messages be those tokens; by default they are plain text.")
  var allowControlTokens = false

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments
  @OptionGroup var common: CommonOptions

  func validate() throws {
    _ = try options()
    _ = try limits()
    _ = try runtimeOptions()
    _ = try memoryLimit()
    _ = try (threadCount(), flag(common.quiet, "quiet"))
    guard !models.isEmpty else { throw ValidationError("give at least one model") }
  }

  func run() async throws {
    common.apply()
    if let threads = try threadCount() { WorkerPool.shared.threadCount = threads }
    let (options, limits, runtime) = (try options(), try limits(), try runtimeOptions())
    var sources: [ModelStore.Source] = []
    let isQuiet = isQuiet
    for argument in models {
      let (name, path) = Self.named(argument)
      let folder = try await ModelArgument.folder(path, quiet: isQuiet)
      if !isQuiet { common.show(try ModelRegistry.notices(folder)) }
      _ = try ModelArgument.tokenizer(folder)
      guard !sources.contains(where: { $0.name == name }) else {
        throw Failure(
          exit: .usage, code: "badOption", message: "two models are called \(name)", hint: "name them: NAME=\(path)")
      }
      sources.append(
        ModelStore.Source(name: name, byteCount: folder.fileBytes) {
          let model = try ServedModel(name: name, folder: folder, limits: limits, options: runtime)
          if !isQuiet, let residency = model.residency { Console.writeError("note: \(name): \(residency.notice)") }
          return model
        })
    }
    let store = ModelStore(sources, byteLimit: try memoryLimit())
    try await Server(store, options: options).run { address in
      if !isQuiet { Console.writeError("listening at \(address); the page is there too, the interface below /v1") }
    }
  }

  /// `NAME=MODEL`, or the last part of the model's path.
  private static func named(_ argument: String) -> (name: String, path: String) {
    if let split = argument.firstIndex(of: "="), split != argument.startIndex,
      !FileManager.default.fileExists(atPath: argument)
    {
      return (String(argument[..<split]), String(argument[argument.index(after: split)...]))
    }
    let path = argument.hasSuffix("/") ? String(argument.dropLast()) : argument
    if HubRepository(argument) != nil, !FileManager.default.fileExists(atPath: argument) { return (argument, argument) }
    return (URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent, argument)
  }
}
