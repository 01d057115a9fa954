import ArgumentParser
import Checkpoints
import JSONReader
import LanguageModels
import Quantization

/// `vptq rotate`: a model that computes the same in turned directions.
struct RotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Write a model that computes the same with its weights turned in random directions, for quantization.",
    discussion: """
      Example:
        vptq rotate llama -o llama-turned
        vptq quantize llama-turned -o llama-2bit --bits 2
      """)

  /// What `--parts` may say.
  enum Parts: String, ExpressibleByArgument, CaseIterable {
    case auto, values, residual, all
  }

  @Argument(help: "A model folder with dense weights, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String

  @Option(
    help:
      "values (of every key-value head), residual (the stream from the embedding to the head; a tied head becomes a matrix of its own), all, or auto: all where the head is its own matrix, else values."
  )
  var parts = Parts.auto

  @Flag(help: "Replace a model that is already at the output.")
  var force = false

  @OptionGroup var common: CommonOptions

  func run() async throws {
    common.apply()
    try OutputArgument.check(output, force: force)
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    try OutputArgument.check(output, isNot: [folder])
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let progress = ConsoleProgress(quiet: common.quiet)
    let chosen: RotationParts =
      switch parts {
      case .auto: try ModelRotation.freeParts(folder)
      case .values: .values
      case .residual: .residual
      case .all: [.values, .residual]
      }
    try ModelRotation(model: folder, parts: chosen, seed: common.seed, output: output)
      .write(progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    let written = try ModelDirectory(path: output)
    let names = [("values", RotationParts.values), ("residual stream", .residual)].filter { chosen.contains($0.1) }
    if common.json {
      print(
        JSONValue.object([
          ("output", .string(output)), ("parts", .array(names.map { .string($0.0) })),
          ("tensors", .integer(written.tensorNames.count)), ("file_bytes", .integer(written.fileBytes)),
        ]).serialized(pretty: true))
    } else {
      print(
        "\(output): \(names.map(\.0).joined(separator: " and ")) turned, \(written.tensorNames.count) tensors, "
          + Console.size(written.fileBytes))
    }
  }
}
