import ArgumentParser
import Evaluation

/// The page of `evaluate`.
struct ReportArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Also write a page with charts: tasks, loss by position, losses of tokens, divergences.", valueName: "file.html"))
  var report: String?

  @Option(
    help: ArgumentHelp(
      "Compare with a saved result on that page; NAME=FILE calls its model NAME. May be given several times.",
      valueName: "result.json"))
  var reportWith: [String] = []

  func validate() throws {
    if report == nil, !reportWith.isEmpty {
      throw ValidationError("--report-with needs a page to write: --report FILE")
    }
  }

  /// Reads what is compared with, before any work.
  ///
  /// - Throws: `Failure` or `EvaluationError` for a page that cannot be written or a result that cannot be read.
  func check() throws {
    guard let report else { return }
    try ReportOutput.check(report)
    _ = try compared()
  }

  /// Writes the page, if one is asked for.
  func write(_ record: EvaluationRecord, common: CommonOptions) throws {
    guard let report else { return }
    let page = EvaluationReport([ReportedResult(record)] + (try compared())).file
    try page.write(to: report)
    if !common.quiet { Console.writeError("wrote \(report) (\(Console.size(page.html.utf8.count)))") }
  }

  private func compared() throws -> [ReportedResult] { try reportWith.map(ReportArgument.result) }
}
