import ArgumentParser
import LanguageModels

/// In what form a model's weights, keys and values are held at run time.
struct RuntimeArguments: ParsableArguments {
  @Flag(help: "Use stored centroids and activations in float32 throughout; slower where codebooks are small.")
  var exact = false

  @Option(help: "Hold the output head as stored (native) or as int8 (default: int8 for quantized models).")
  var head: Head?

  @Option(
    help:
      "Keep keys and values as float32, float16 or int8 (default: float16 for quantized models, else float32).")
  var kvCache: Cache?

  @Option(
    help:
      "Memory that weights may take; what does not fit is read from disk for every pass (default: 4/5 of what is free)."
  )
  var weightMemory: ByteCount?

  @Flag(inversion: .prefixedNo, help: "Read what is next while weights from disk are computed with.")
  var readAhead = true

  func validate() throws {
    if exact, head == .int8 { throw ValidationError("--head int8 and --exact exclude each other") }
  }

  var options: RuntimeOptions {
    var options = RuntimeOptions(
      isExact: exact, head: head.map { $0 == .int8 ? .int8 : .native },
      cache: kvCache.flatMap { CacheForm(rawValue: $0.rawValue) }, memory: weightMemory?.bytes)
    options.readsAhead = readAhead
    return options
  }

  enum Cache: String, ExpressibleByArgument, CaseIterable {
    case float32
    case float16
    case int8
  }

  enum Head: String, ExpressibleByArgument, CaseIterable {
    case native
    case int8
  }
}
