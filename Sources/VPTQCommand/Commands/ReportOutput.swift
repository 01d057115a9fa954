import Checkpoints
import Evaluation
import Foundation
import JSONReader

/// Where reports go.
enum ReportOutput {
  /// Checks before any work that a page may be written; a page that is there is replaced.
  ///
  /// - Throws: `Failure` with exit code 73 for a folder, a place that cannot be written, or a file that is there and is
  ///   not called .html: a slip of the hand must not replace a model or a result.
  static func check(_ path: String) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    func failure(_ message: String, _ hint: String) -> Failure {
      Failure(exit: .cannotWrite, code: "cannotWrite", message: message, hint: hint)
    }
    if exists, isFolder.boolValue {
      throw failure("\(path) is a folder", "name a file, for instance \(path)/report.html")
    }
    try checkPlace(path)
    let isPage = ["html", "htm"].contains(URL(fileURLWithPath: path).pathExtension.lowercased())
    if exists, !isPage {
      throw failure("\(path) is there already and is not called .html", "give another name for the page")
    }
  }

  /// Checks before any work that the folder of a file can be written to.
  ///
  /// - Throws: `Failure` with exit code 73.
  static func checkPlace(_ path: String) throws {
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: parent) else {
      throw Failure(
        exit: .cannotWrite, code: "cannotWrite",
        message: "cannot write \(path): \(parent) is not there or not writable", hint: "name a file in another folder")
    }
  }

  /// Writes a page and says so.
  static func write(_ report: ReportFile, to path: String, common: CommonOptions) throws {
    try report.write(to: path)
    if common.json {
      print(JSONValue.object([("report", .string(path))]).serialized(pretty: true))
    } else if !common.quiet {
      Console.writeError("wrote \(path) (\(Console.size(report.html.utf8.count)))")
    }
  }
}
