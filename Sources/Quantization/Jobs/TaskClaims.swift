import Checkpoints
import Foundation
import JSONReader
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Who works on which task, as files in a folder that all workers see.
///
/// A claim is made by creating a file that must not exist; its age is the time since its holder last touched it, by the clock
/// of the file system. A claim is void when its process is gone from this machine, or when it has not been touched for
/// `staleSeconds`. Claims only spare work: tasks may be done twice without harm, so nothing is lost whatever becomes of them.
final class TaskClaims: Sendable {
  /// Whoever holds a claim.
  struct Holder: Sendable {
    let host: String
    let process: Int32
    let worker: String
    let label: String
    /// Seconds since it was last touched.
    let age: Double
  }

  private let folder: String
  private let worker: String
  private let label: String
  private let staleSeconds: Double
  private let held = Mutex<Set<String>>([])
  nonisolated(unsafe) private let timer: any DispatchSourceTimer

  static let host = ProcessInfo.processInfo.hostName

  init(folder: String, label: String, staleSeconds: Double) {
    self.folder = folder
    self.label = label
    self.staleSeconds = staleSeconds
    worker = "\(Self.host)-\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + staleSeconds / 6, repeating: staleSeconds / 6)
    timer.setEventHandler { [weak self] in self?.touchAll() }
    timer.activate()
  }

  deinit { timer.cancel() }

  private func path(_ name: String) -> String { folder + "/" + name }

  /// Takes a task; false if a living worker has it.
  func claim(_ name: String) throws -> Bool {
    for _ in 0..<2 {
      let descriptor = open(path(name), O_WRONLY | O_CREAT | O_EXCL, 0o644)
      if descriptor >= 0 {
        let fields: [(key: String, value: JSONValue)] = [
          ("host", .string(Self.host)), ("process", .integer(Int(getpid()))), ("worker", .string(worker)),
          ("label", .string(label)),
        ]
        let text = Array(JSONValue.object(fields).serialized(pretty: false).utf8)
        _ = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        held.withLock { _ = $0.insert(name) }
        return true
      }
      guard errno == EEXIST else {
        throw QuantizationError(
          .cannotWrite, "cannot claim a task in \(folder): \(String(cString: strerror(errno)))")
      }
      guard let holder = holder(name), isStale(holder), remove(name, of: holder) else { return false }
    }
    return false
  }

  /// Gives a task back.
  func release(_ name: String) {
    held.withLock { _ = $0.remove(name) }
    if let holder = holder(name), holder.worker == worker { unlink(path(name)) }
  }

  /// Whoever has a task, dead or alive.
  func holder(_ name: String) -> Holder? {
    var status = stat()
    guard stat(path(name), &status) == 0 else { return nil }
    let json = FileManager.default.contents(atPath: path(name)).flatMap { try? JSONValue.parse([UInt8]($0)) }
    return Holder(
      host: json?["host"]?.stringValue ?? "", process: Int32(clamping: json?["process"]?.intValue ?? 0),
      worker: json?["worker"]?.stringValue ?? "", label: json?["label"]?.stringValue ?? "",
      age: max(0, now() - Self.seconds(status)))
  }

  /// The names of all tasks that are claimed by the living.
  func living() -> [String: Holder] {
    var result: [String: Holder] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !name.hasPrefix(".") {
      if let holder = holder(name), !isStale(holder) { result[name] = holder }
    }
    return result
  }

  private func isStale(_ holder: Holder) -> Bool {
    if holder.age > staleSeconds { return true }
    return holder.host == Self.host && holder.process > 0 && kill(holder.process, 0) != 0 && errno == ESRCH
  }

  /// Takes a void claim away, whoever comes first; another one that was made meanwhile is put back.
  private func remove(_ name: String, of holder: Holder) -> Bool {
    let aside = ".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    guard rename(path(name), path(aside)) == 0 else { return true }
    defer { unlink(path(aside)) }
    if let found = self.holder(aside), found.worker != holder.worker {
      link(path(aside), path(name))
      return false
    }
    return true
  }

  private func touchAll() {
    for name in held.withLock({ $0 }) { utimes(path(name), nil) }
  }

  /// The time by the clock that stamps files here.
  private func now() -> Double {
    let probe = path(".now-\(worker)")
    let descriptor = open(probe, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { return Date().timeIntervalSince1970 }
    utimes(probe, nil)
    var status = stat()
    fstat(descriptor, &status)
    close(descriptor)
    unlink(probe)
    return Self.seconds(status)
  }

  private static func seconds(_ status: stat) -> Double {
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
