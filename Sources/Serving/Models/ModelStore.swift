import Foundation
import Generation
import HTTPTypes

/// The models of a server, loaded when first asked for; the ones that rested longest leave where memory is short.
public actor ModelStore {
  /// A model that can be loaded.
  public struct Source: Sendable {
    /// The name that requests give.
    public let name: String
    /// Bytes that the loaded model is expected to take.
    public let byteCount: Int
    /// Loads it; called off the store's actor.
    public let load: @Sendable () throws -> ServedModel

    /// A model by name.
    public init(name: String, byteCount: Int, load: @escaping @Sendable () throws -> ServedModel) {
      self.name = name
      self.byteCount = byteCount
      self.load = load
    }
  }

  private let sources: [Source]
  private let byteLimit: Int?
  private var loaded: [String: ServedModel] = [:]
  private var loading: [String: Task<ServedModel, any Error>] = [:]
  /// Names, the one used last at the end.
  private var order: [String] = []

  /// A store of models; `byteLimit` bounds the sum of those in memory, if there is more than one.
  public init(_ sources: [Source], byteLimit: Int? = nil) {
    self.sources = sources
    self.byteLimit = byteLimit
  }

  /// Names and what is known of each, in the order given.
  var listing: [(name: String, details: ModelDetails, isLoaded: Bool)] {
    sources.map { source in
      let model = loaded[source.name]
      return (source.name, model?.details ?? Self.details(of: source), model != nil)
    }
  }

  private static func details(of source: Source) -> ModelDetails {
    var details = ModelDetails()
    details.fileBytes = source.byteCount
    return details
  }

  /// Whether the first model is in memory.
  var isReady: Bool { sources.first.map { loaded[$0.name] != nil } ?? false }

  /// Models in memory.
  var models: [ServedModel] { sources.compactMap { loaded[$0.name] } }

  /// The model of a name, the first one without a name; loads it if need be.
  ///
  /// - Throws: `APIError` 404 for an unknown name, 503 where loading fails.
  func model(_ name: String?) async throws -> ServedModel {
    guard let source = name.map({ name in sources.first { $0.name == name } }) ?? sources.first else {
      throw APIError(
        status: .notFound,
        message: "there is no model \(name ?? ""); known: \(sources.map(\.name).joined(separator: ", "))",
        type: "invalid_request_error", param: "model", code: "model_not_found")
    }
    order.removeAll { $0 == source.name }
    order.append(source.name)
    if let model = loaded[source.name] { return model }
    let task = loading[source.name] ?? start(source)
    do {
      let model = try await task.value
      loading[source.name] = nil
      loaded[source.name] = model
      return model
    } catch {
      loading[source.name] = nil
      throw APIError.unavailable("the model \(source.name) cannot be loaded: \(error)", code: "model_not_loaded")
    }
  }

  private func start(_ source: Source) -> Task<ServedModel, any Error> {
    makeRoom(for: source)
    let load = source.load
    let task = Task.detached { try load() }
    loading[source.name] = task
    return task
  }

  /// Lets go of the models that rested longest; requests at work keep theirs until they are done.
  private func makeRoom(for source: Source) {
    guard let byteLimit else { return }
    func bytes() -> Int {
      sources.reduce(source.byteCount) { $0 + (loaded[$1.name] != nil ? $1.byteCount : 0) }
    }
    for name in order where bytes() > byteLimit && name != source.name { loaded[name] = nil }
  }

  /// Ends all engines.
  public func stop() {
    for model in loaded.values { model.engine.stop() }
  }
}
