import ArgumentParser
import Tensors

/// Options that every command has.
struct CommonOptions: ParsableArguments {
  @Flag(help: "Print one JSON document on standard output, and nothing else there.")
  var json = false

  @Option(help: "Number of threads (default: all cores).")
  var threads: Int?

  @Option(help: "Seed of everything random.")
  var seed: UInt64 = 0

  @Flag(name: .shortAndLong, help: "No progress and no notices.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "More detail on standard error.")
  var verbose = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be between 1 and 1024, not \(threads)")
    }
  }

  /// Applies the thread count; call before any work.
  func apply() {
    if let threads { WorkerPool.shared.threadCount = threads }
  }

  /// Prints notices on standard error unless `--quiet`.
  func show(_ notices: [String]) {
    if quiet { return }
    for notice in notices { Console.writeError("note: \(notice)") }
  }
}
