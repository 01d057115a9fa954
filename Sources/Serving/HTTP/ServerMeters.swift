import Evaluation
import Foundation
import Generation
import JSONReader
import Synchronization
import Tensors

/// What is told about a server at work: `/status` for the page, `/metrics` for Prometheus.
final class ServerMeters: Sendable {
  private let start = ContinuousClock.now
  /// Tokens of replies at moments of the last seconds, for the rate.
  private let samples = Mutex<[(time: Double, tokens: Int)]>([])

  private var seconds: Double { Double(start.duration(to: .now) / .seconds(1)) }

  /// Over how many seconds the rate is a mean.
  private static let window = 3.0

  private func rate(_ tokens: Int) -> Double {
    let now = seconds
    return samples.withLock { samples in
      samples.append((now, tokens))
      while samples.count > 2, now - samples[1].time > Self.window { samples.removeFirst() }
      guard let first = samples.first, now > first.time else { return 0 }
      return Double(tokens - first.tokens) / (now - first.time)
    }
  }

  func status(_ models: [ServedModel]) -> JSONValue {
    let all = models.map(\.engine.statistics)
    return .object([
      ("uptime_seconds", .number(seconds)), ("resident_bytes", .integer(ProcessMemory.residentBytes)),
      ("active", .integer(all.reduce(0) { $0 + $1.active })), ("queued", .integer(all.reduce(0) { $0 + $1.queued })),
      ("tokens_per_second", .number(rate(all.reduce(0) { $0 + $1.replyTokens }))),
    ])
  }

  /// The exposition format of Prometheus, version 0.0.4.
  func metrics(_ models: [ServedModel]) -> String {
    typealias Metric = (name: String, kind: String, help: String, value: (EngineStatistics) -> Double)
    let metrics: [Metric] = [
      ("vptq_requests_active", "gauge", "Replies in the making.", { Double($0.active) }),
      ("vptq_requests_queued", "gauge", "Requests that wait.", { Double($0.queued) }),
      ("vptq_requests_finished_total", "counter", "Requests answered to the end.", { Double($0.finished) }),
      ("vptq_requests_cancelled_total", "counter", "Requests whose reader went away.", { Double($0.cancelled) }),
      ("vptq_requests_failed_total", "counter", "Requests that failed.", { Double($0.failed) }),
      ("vptq_prompt_tokens_total", "counter", "Tokens of prompts computed.", { Double($0.promptTokens) }),
      ("vptq_prompt_tokens_cached_total", "counter", "Tokens of prompts known before.", { Double($0.cachedTokens) }),
      ("vptq_reply_tokens_total", "counter", "Tokens of replies.", { Double($0.replyTokens) }),
      ("vptq_reply_steps_total", "counter", "Forward passes for replies.", { Double($0.steps) }),
      ("vptq_prompt_seconds_total", "counter", "Seconds spent on prompts.", { $0.promptSeconds }),
      ("vptq_reply_seconds_total", "counter", "Seconds spent on replies.", { $0.replySeconds }),
    ]
    let all = models.map { ($0.name, $0.engine.statistics) }
    var text = ""
    for metric in metrics {
      text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind)\n"
      for (name, statistics) in all {
        text += "\(metric.name){model=\"\(Self.escaped(name))\"} \(metric.value(statistics))\n"
      }
    }
    text += "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n"
    text += "process_resident_memory_bytes \(ProcessMemory.residentBytes)\n"
    return text
  }

  private static func escaped(_ label: String) -> String {
    label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
