import ArgumentParser
import Foundation

/// The program: a list of commands, and one way out for every failure.
@main
struct VPTQCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vptq",
    abstract: "Compress language models to 1-4 bits a weight by vector quantization, and run them on a CPU.",
    discussion: """
      MODEL is a model folder (config.json and safetensors), a .gguf file, or a model of the hub, org/name or
      org/name@revision, which is pulled into the cache first.

      Example:
        vptq convert model.gguf -o model
        vptq quantize model -o model-3bit --bits 3
        vptq generate model-3bit -p "The capital of France is"
      """,
    version: "0.1.0",
    subcommands: [
      PullCommand.self, ConvertCommand.self, RotateCommand.self, QuantizeCommand.self, JobCommand.self,
      TuneCommand.self,
      GenerateCommand.self, ChatCommand.self, ServeCommand.self,
      EvaluateCommand.self,
      InspectCommand.self,
      BenchCommand.self, ReportCommand.self, TokenizeCommand.self,
    ])

  static func main() async {
    // A full disk or a closed pipe is an error of the write that met it, never the end of the process.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      var command = try parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure where failure is any CommandError == false && Self.isParserOutcome(failure) {
      if arguments.contains("--json"), exitCode(for: failure) != .success {
        Failure(exit: .usage, code: "usage", message: message(for: failure), hint: nil).leave(json: true)
      }
      exit(withError: failure)
    } catch {
      Failure(error).leave(json: arguments.contains("--json"))
    }
  }

  /// Whether an error is the parser's own: wrong usage, or a request for help or the version.
  private static func isParserOutcome(_ error: any Error) -> Bool {
    if error is ValidationError || error is ExitCode || error is CleanExit { return true }
    let type = String(reflecting: Swift.type(of: error))
    return type.hasPrefix("ArgumentParser.")
  }
}
