import Foundation
import Synchronization

/// A program that is run and waited for.
enum Command {
  /// What it left behind.
  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  /// Where a program lies on the search path; nil if nowhere.
  static func find(_ name: String) -> String? {
    if name.contains("/") { return FileManager.default.isExecutableFile(atPath: name) ? name : nil }
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a program of the search path with `input` on its standard input.
  ///
  /// - Throws: `LaunchingError` (`missingEngine`) if there is no such program.
  static func run(_ name: String, _ arguments: [String], input: String = "") throws -> Result {
    guard let path = find(name) else {
      throw LaunchingError(
        .missingEngine, "there is no program \(name) on this machine; run this where the engine is installed")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let (standardInput, standardOutput, standardError) = (Pipe(), Pipe(), Pipe())
    process.standardInput = standardInput
    process.standardOutput = standardOutput
    process.standardError = standardError
    do {
      try process.run()
    } catch {
      throw LaunchingError(.engineFailed, "cannot run \(path): \(error.localizedDescription)")
    }
    try? standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try? standardInput.fileHandleForWriting.close()
    // Both are read at once: a full pipe that nobody reads would block the program.
    let errors = Mutex(Data())
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      let data = (try? standardError.fileHandleForReading.readToEnd()) ?? Data()
      errors.withLock { $0 = data }
    }
    let output = (try? standardOutput.fileHandleForReading.readToEnd()) ?? Data()
    group.wait()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors.withLock { $0 }, as: UTF8.self))
  }
}
