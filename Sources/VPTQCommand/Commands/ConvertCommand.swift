import ArgumentParser
import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors
import VectorQuantization

/// `vptq convert`: other forms of a model to a model folder.
struct ConvertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Turn a GGUF file into a model folder, or a quantized folder into a dense one.",
    discussion: "Example:\n  vptq convert SmolLM2-135M-Instruct.Q4_1.gguf -o smollm2")

  @Argument(help: "A .gguf file, a model folder, or org/name of the hub.")
  var model: String

  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String

  @Option(help: "Type of the written tensors: float16, bfloat16 or float32.")
  var dtype = "float16"

  @Flag(help: "Write the dense weights of a quantized model.")
  var dequantize = false

  @Flag(help: "Fold the permutation of a quantized model into its codes.")
  var absorbPermutation = false

  @Flag(help: "Replace a model that is already at the output.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard ["float16", "bfloat16", "float32"].contains(dtype) else {
      throw ValidationError("--dtype must be float16, bfloat16 or float32, not \(dtype)")
    }
    if dequantize, absorbPermutation {
      throw ValidationError("--dequantize and --absorb-permutation exclude each other")
    }
  }

  func run() async throws {
    common.apply()
    try OutputArgument.check(output, force: force)
    let progress = ConsoleProgress(quiet: common.quiet)
    let type = DType(configurationName: dtype) ?? .float16
    if model.hasSuffix(".gguf") {
      guard FileManager.default.fileExists(atPath: model) else {
        throw Failure(exit: .missingInput, code: "missingInput", message: "there is no file \(model)")
      }
      common.show(try GGUFConversion.convert(try GGUFFile(path: model), to: output, dtype: type, progress: progress))
    } else {
      let folder = try await ModelArgument.folder(model, quiet: common.quiet)
      try OutputArgument.check(output, isNot: [folder])
      let rewriting = FolderConversion(model: folder, output: output)
      if absorbPermutation {
        try rewriting.absorbPermutations(progress)
      } else {
        try rewriting.writeDense(as: type, progress)
      }
    }
    progress.clear()
    let written = try ModelDirectory(path: output)
    if common.json {
      print(
        JSONValue.object([
          ("output", .string(output)), ("tensors", .integer(written.tensorNames.count)),
          ("file_bytes", .integer(written.fileBytes)),
        ]).serialized(pretty: true))
    } else {
      print("\(output): \(written.tensorNames.count) tensors, \(Console.size(written.fileBytes))")
    }
  }
}
