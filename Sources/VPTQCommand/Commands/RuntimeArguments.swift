import ArgumentParser
import LanguageModels

/// In what form a model's weights are held at run time.
struct RuntimeArguments: ParsableArguments {
  @Flag(help: "Use stored centroids and activations in float32 throughout; slower where codebooks are small.")
  var exact = false

  @Option(help: "Hold the output head as stored (native) or as int8 (default: int8 for quantized models).")
  var head: Head?

  func validate() throws {
    if exact, head == .int8 { throw ValidationError("--head int8 and --exact exclude each other") }
  }

  var options: RuntimeOptions {
    RuntimeOptions(isExact: exact, head: head.map { $0 == .int8 ? .int8 : .native })
  }

  enum Head: String, ExpressibleByArgument, CaseIterable {
    case native
    case int8
  }
}
