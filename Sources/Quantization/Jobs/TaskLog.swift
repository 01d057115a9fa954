import Foundation
import JSONReader

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What happened to each task: lines of JSON in a file of its own, appended by whoever works on it.
struct TaskLog {
  let folder: String
  let label: String

  /// What a line tells.
  enum Event: String { case start, done, failed, interrupted }

  func append(_ event: Event, _ task: JobTask, fields: [(key: String, value: JSONValue)] = []) {
    let line: [(key: String, value: JSONValue)] =
      [
        ("time", .string(Date().ISO8601Format())), ("event", .string(event.rawValue)),
        ("host", .string(TaskClaims.host)), ("process", .integer(Int(getpid()))), ("label", .string(label)),
      ] + fields
    let text = Array((JSONValue.object(line).serialized(pretty: false) + "\n").utf8)
    let descriptor = open(path(task), O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { return }
    // One write: lines of two workers do not mix.
    _ = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
  }

  /// The lines of a task's log.
  func lines(_ task: JobTask) -> [JSONValue] {
    guard let data = FileManager.default.contents(atPath: path(task)) else { return [] }
    return data.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONValue.parse([UInt8]($0)) }
  }

  private func path(_ task: JobTask) -> String { "\(folder)/\(task.name).jsonl" }
}
