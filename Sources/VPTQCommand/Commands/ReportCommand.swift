import ArgumentParser
import Evaluation
import Foundation

/// `vptq report`: saved results as one page.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Make one page of saved results of `evaluate` and `bench`, comparing any number of models.",
    discussion: """
      Examples:
        vptq evaluate smollm2-3bit --perplexity wiki.test.raw --save 3bit.json
        vptq bench smollm2-3bit --save 3bit-speed.json
        vptq report 3bit.json 3bit-speed.json "16 bits=dense.json" -o comparison.html
      """)

  @Argument(
    help: ArgumentHelp(
      "Files of `evaluate --save` and `bench --save`; NAME=FILE calls the model NAME. Files that tell of the same model are taken together.",
      valueName: "result.json"))
  var results: [String]

  @Option(name: .shortAndLong, help: ArgumentHelp("The page to write.", valueName: "file.html"))
  var output: String

  @Option(help: ArgumentHelp("The page's title.", valueName: "text"))
  var title: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    try ReportOutput.check(output)
    let read = try results.map(ReportArgument.result)
    try ReportOutput.write(EvaluationReport(read, title: title).file, to: output, common: common)
  }
}

/// How a saved result is named on the command line.
enum ReportArgument {
  /// The result of `FILE` or `NAME=FILE`.
  ///
  /// - Throws: `EvaluationError` naming a file that is missing or no result.
  static func result(_ argument: String) throws -> ReportedResult {
    let (name, path) = split(argument)
    return try ReportedResult(file: path, name: name)
  }

  /// `NAME=FILE` in its parts, unless a file is called that as a whole; names may hold signs of equality as well.
  private static func split(_ argument: String) -> (name: String?, path: String) {
    let files = FileManager.default
    let parts = argument.indices.filter { argument[$0] == "=" && $0 > argument.startIndex }.map {
      (name: String(argument[..<$0]), path: String(argument[argument.index(after: $0)...]))
    }
    guard !files.fileExists(atPath: argument), let first = parts.first else { return (nil, argument) }
    return parts.first { files.fileExists(atPath: $0.path) } ?? first
  }
}
