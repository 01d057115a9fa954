import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The built program, run as a user runs it.
enum Program {
  /// What a run left behind.
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  /// The executable beside the test bundle.
  static var url: URL {
    var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    // On Apple platforms the test binary lies three folders inside its bundle.
    while folder.path != "/", !FileManager.default.fileExists(atPath: folder.appendingPathComponent("vptq").path) {
      folder.deleteLastPathComponent()
    }
    return folder.appendingPathComponent("vptq")
  }

  /// A signal that a run is to get.
  struct Interference {
    let signal: Int32
    /// Asked again and again while the program runs; the signal is sent once it says so.
    let isDue: (_ seconds: Double) -> Bool
  }

  /// Runs `vptq` with arguments and waits for it; standard input is empty.
  ///
  /// `fileLimit` is the largest file it may write, in units of `ulimit -f`.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], fileLimit: Int? = nil,
    interference: Interference? = nil
  ) throws -> Outcome {
    let process = Process()
    if let fileLimit {
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "ulimit -f \(fileLimit); exec \"$@\"", "sh", url.path] + arguments
    } else {
      process.executableURL = url
      process.arguments = arguments
    }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vptq-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files, not pipes: a full pipe nobody reads would block the program.
    let (out, err) = (folder.appendingPathComponent("out"), folder.appendingPathComponent("err"))
    for file in [out, err] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    try process.run()
    if let interference {
      let start = ContinuousClock.now
      while process.isRunning, !interference.isDue(Double(start.duration(to: .now) / .seconds(1))) { usleep(500) }
      if process.isRunning { kill(process.processIdentifier, interference.signal) }
    }
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: try Data(contentsOf: out), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: err), as: UTF8.self))
  }
}
