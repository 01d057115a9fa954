import ArgumentParser
import Foundation
import Generation
import LanguageModels
import Serving

/// What options say, or where they are not given their environment variables: `VPTQ_MAX_BODY` for `--max-body`.
extension ServeCommand {
  /// An environment variable, by an option's name without dashes in front; nil where it is not set or empty.
  private static func variable(_ option: String) -> (name: String, text: String)? {
    let name = "VPTQ_" + option.uppercased().replacing("-", with: "_")
    guard let text = ProcessInfo.processInfo.environment[name], !text.isEmpty else { return nil }
    return (name, text)
  }

  private func number(_ option: Int?, _ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    let variable = Self.variable(name)
    guard let text = option.map(String.init) ?? variable?.text else { return nil }
    guard let number = Int(text), range.contains(number) else {
      let source = option == nil ? variable?.name ?? name : "--\(name)"
      throw ValidationError("\(source) must be between \(range.lowerBound) and \(range.upperBound), not \(text)")
    }
    return number
  }

  /// A flag, whose variable is 1 or 0.
  func flag(_ option: Bool, _ name: String) throws -> Bool {
    guard !option, let variable = Self.variable(name) else { return option }
    guard ["0", "1"].contains(variable.text) else {
      throw ValidationError("\(variable.name) must be 1 or 0, not \(variable.text)")
    }
    return variable.text == "1"
  }

  /// Where and how the server listens.
  func options() throws -> ServerOptions {
    var options = ServerOptions()
    options.host = host ?? Self.variable("host")?.text ?? options.host
    options.port = try number(port, "port", 0...65535) ?? options.port
    options.apiKey = (apiKey ?? Self.variable("api-key")?.text).flatMap { $0.isEmpty ? nil : $0 }
    options.allowedOrigins =
      corsOrigin.isEmpty
      ? (Self.variable("cors-origin")?.text ?? "").split(separator: ",").map(String.init) : corsOrigin
    options.maximumBodyBytes = (try number(maxBody, "max-body", 1...4096) ?? 8) << 20
    options.allowsControlTokens = try flag(allowControlTokens, "allow-control-tokens")
    options.logsRequests = !isQuiet
    return options
  }

  /// How many replies there are at once, and how long they may be.
  func limits() throws -> EngineLimits {
    var limits = EngineLimits()
    limits.parallel = try number(parallel, "parallel", 1...256) ?? limits.parallel
    limits.queue = try number(queue, "queue", 0...100_000) ?? limits.queue
    limits.contextLength = try number(context, "context", 2...(1 << 24)) ?? limits.contextLength
    return limits
  }

  /// The form in which weights are held.
  func runtimeOptions() throws -> RuntimeOptions {
    var arguments = runtime
    arguments.exact = try flag(runtime.exact, "exact")
    if runtime.head == nil, let variable = Self.variable("head") {
      guard let head = RuntimeArguments.Head(rawValue: variable.text) else {
        throw ValidationError("\(variable.name) must be native or int8, not \(variable.text)")
      }
      arguments.head = head
    }
    if runtime.kvCache == nil, let variable = Self.variable("kv-cache") {
      guard let cache = RuntimeArguments.Cache(rawValue: variable.text) else {
        throw ValidationError("\(variable.name) must be float32, float16 or int8, not \(variable.text)")
      }
      arguments.kvCache = cache
    }
    if runtime.weightMemory == nil, let variable = Self.variable("weight-memory") {
      guard let memory = ByteCount(argument: variable.text) else {
        throw ValidationError("\(variable.name) must be a size such as 8GB, not \(variable.text)")
      }
      arguments.weightMemory = memory
    }
    if runtime.readAhead { arguments.readAhead = try !flag(false, "no-read-ahead") }
    try arguments.validate()
    return arguments.options
  }

  /// Bytes of models in memory; nil where all stay.
  func memoryLimit() throws -> Int? {
    let variable = Self.variable("memory")
    guard let text = memory.map({ "\($0)" }) ?? variable?.text else { return nil }
    guard let gigabytes = Double(text), gigabytes > 0, gigabytes < 1e6 else {
      let source = memory == nil ? variable?.name ?? "memory" : "--memory"
      throw ValidationError("\(source) must be above 0 and below 1000000 (GiB), not \(text)")
    }
    return Int(gigabytes * 1_073_741_824)
  }

  func threadCount() throws -> Int? { try number(common.threads, "threads", 1...1024) }

  /// Whether there are no notices and no lines for requests.
  var isQuiet: Bool { (try? flag(common.quiet, "quiet")) ?? false }
}
