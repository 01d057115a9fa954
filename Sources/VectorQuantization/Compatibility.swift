/// Whether another program can run a model folder as it is, and why not.
public struct Compatibility: Sendable, Equatable {
  /// What the other program does with the folder, from best to worst.
  public enum Status: String, Sendable, Comparable {
    /// It computes the same model.
    case runs
    /// It loads the folder and computes another model.
    case wrong
    /// It stops with an error.
    case fails

    private var severity: Int {
      switch self {
      case .runs: 0
      case .wrong: 1
      case .fails: 2
      }
    }

    /// Orders by severity.
    public static func < (left: Status, right: Status) -> Bool { left.severity < right.severity }
  }

  /// One limit of the other program that the folder exceeds.
  public struct Obstacle: Sendable, Equatable {
    /// What comes of it.
    public let effect: Status
    /// The limit and what exceeds it.
    public let reason: String
    /// The layers concerned, in the order of their names; empty where the whole model is.
    public let layers: [String]
  }

  /// The other program.
  public let runtime: Runtime
  /// Every obstacle, those of the whole model first.
  public let obstacles: [Obstacle]

  /// The worst effect of any obstacle.
  public var status: Status { obstacles.map(\.effect).max() ?? .runs }

  /// Judges a folder for every runtime that concerns its form, quantized or dense.
  public static func all(of model: StoredModelForm) -> [Compatibility] {
    Runtime.allCases.filter { $0.takesQuantized == model.isQuantized || !$0.takesQuantized }.map { runtime in
      var obstacles = runtime.limits(for: model).map { Obstacle(effect: $0.effect, reason: $0.reason, layers: []) }
      if runtime.takesQuantized { obstacles += grouped(model.layers, runtime) }
      return Compatibility(runtime: runtime, obstacles: obstacles)
    }
  }

  /// Layers that share an obstacle are named together, in the order in which each obstacle first occurs.
  private static func grouped(_ layers: [StoredLayerForm], _ runtime: Runtime) -> [Obstacle] {
    var order: [Limit] = []
    var modules: [Limit: [String]] = [:]
    for layer in layers {
      for limit in runtime.limits(for: layer) {
        if modules[limit] == nil { order.append(limit) }
        modules[limit, default: []].append(layer.module)
      }
    }
    return order.map { Obstacle(effect: $0.effect, reason: $0.reason, layers: modules[$0] ?? []) }
  }
}

/// A limit that a layer or model exceeds.
struct Limit: Hashable {
  let effect: Compatibility.Status
  let reason: String

  init(_ effect: Compatibility.Status, _ reason: String) {
    self.effect = effect
    self.reason = reason
  }
}
