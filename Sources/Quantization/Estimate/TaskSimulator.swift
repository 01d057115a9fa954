import Foundation
import Tensors

/// Plays the tasks of a job through on machines that fail now and then, to foresee when they are done.
///
/// Every node has one process that takes the first free task of the list, as `JobWorker` does. A node fails after a time that is
/// distributed exponentially; what it was at begins again on another node once its claim is void.
public struct TaskSimulator: Sendable {
  /// Machines, one process each.
  public var nodes = 1
  /// Threads of each process, each on a processor of its own.
  public var threads = 1
  /// How much faster a processor is than the one the costs were measured on.
  public var speed = 1.0
  /// Bytes a second that a node can read or write.
  public var bytesPerSecond = 1e9
  /// Bytes a second that all nodes together can.
  public var sharedBytesPerSecond = 1e10
  /// Hours between two failures of one node on average; infinite: none ever.
  public var hoursBetweenFailures = Double.infinity
  /// Seconds until a node that failed is back.
  public var repairSeconds = 600.0
  /// Seconds until another worker takes over what it was at.
  public var staleSeconds = JobWorker.defaultStaleSeconds
  /// Seconds that starting a task takes besides.
  public var startSeconds = 1.0

  /// One node that never fails.
  public init() {}

  /// How one play went.
  public struct Run: Sendable, Equatable {
    /// When the last task was done.
    public let seconds: Double
    /// Node seconds of work that failures undid.
    public let lostSeconds: Double
    /// Failures of nodes.
    public let failures: Int
    /// The share of all node seconds in which a task ran.
    public let utilization: Double
  }

  /// Seconds of one task that is not cut off.
  public func seconds(_ cost: TaskCost) -> Double {
    let rate = min(bytesPerSecond, sharedBytesPerSecond / Double(nodes))
    let work = (cost.shared / Double(max(1, threads)) + cost.alone) / speed
    // Reading ahead and writing behind hide the lesser of the two.
    return startSeconds + max(work, Double(cost.bytesRead + cost.bytesWritten) / rate)
  }

  /// Plays all tasks through, once for each seed.
  public func run(_ graph: TaskGraph, costs: TaskCosts, seed: UInt64 = 0) -> Run {
    var state = State(self, graph, costs, seed: seed)
    return state.play()
  }
}

extension TaskSimulator {
  private enum Event {
    /// The task that a node began in its `turn`th turn ends.
    case end(node: Int, turn: Int)
    case failure(node: Int)
    case repair(node: Int)
    /// A claim of a node that failed is void.
    case void(task: Int)
  }

  private struct State {
    let simulator: TaskSimulator
    let graph: TaskGraph
    let durations: [Double]
    var random: CounterRandom
    var events = EarliestFirst<Event>()
    var ready = EarliestFirst<Int>()
    var missing: [Int]
    var task: [Int?]
    var turn: [Int]
    var began: [Double]
    var isUp: [Bool]
    var idle: Set<Int>
    var remaining: Int
    var (lost, worked, failures) = (0.0, 0.0, 0)

    init(_ simulator: TaskSimulator, _ graph: TaskGraph, _ costs: TaskCosts, seed: UInt64) {
      self.simulator = simulator
      self.graph = graph
      durations = costs.costs.map(simulator.seconds)
      random = CounterRandom(seed: seed, stream: 0xFA11)
      missing = graph.tasks.map(\.inputs.count)
      task = [Int?](repeating: nil, count: simulator.nodes)
      turn = [Int](repeating: 0, count: simulator.nodes)
      began = [Double](repeating: 0, count: simulator.nodes)
      isUp = [Bool](repeating: true, count: simulator.nodes)
      idle = Set(0..<simulator.nodes)
      remaining = graph.tasks.count
      for index in graph.tasks.indices where missing[index] == 0 { ready.add(index, at: Double(index)) }
      for node in 0..<simulator.nodes { scheduleFailure(of: node, from: 0) }
    }

    mutating func scheduleFailure(of node: Int, from time: Double) {
      guard simulator.hoursBetweenFailures.isFinite else { return }
      let wait = -log(1 - random.uniform()) * simulator.hoursBetweenFailures * 3600
      events.add(.failure(node: node), at: time + wait)
    }

    mutating func assign(at time: Double) {
      while !idle.isEmpty, let (_, next) = ready.take() {
        guard let node = idle.min() else { return }
        idle.remove(node)
        task[node] = next
        turn[node] += 1
        began[node] = time
        events.add(.end(node: node, turn: turn[node]), at: time + durations[next])
      }
    }

    mutating func play() -> Run {
      assign(at: 0)
      var now = 0.0
      while remaining > 0, let (time, event) = events.take() {
        now = time
        handle(event, at: time)
        assign(at: time)
      }
      return Run(
        seconds: now, lostSeconds: lost, failures: failures,
        utilization: now > 0 ? worked / (now * Double(simulator.nodes)) : 0)
    }

    private mutating func handle(_ event: Event, at time: Double) {
      switch event {
      case .end(let node, let number):
        // What was begun before a failure does not end.
        guard turn[node] == number, isUp[node], let done = task[node] else { return }
        task[node] = nil
        idle.insert(node)
        worked += time - began[node]
        remaining -= 1
        for reader in graph.readers[done] {
          missing[reader] -= 1
          if missing[reader] == 0 { ready.add(reader, at: Double(reader)) }
        }
      case .failure(let node):
        failures += 1
        isUp[node] = false
        idle.remove(node)
        turn[node] += 1
        if let cut = task[node] {
          lost += time - began[node]
          worked += time - began[node]
          task[node] = nil
          events.add(.void(task: cut), at: time + simulator.staleSeconds)
        }
        events.add(.repair(node: node), at: time + simulator.repairSeconds)
      case .repair(let node):
        isUp[node] = true
        idle.insert(node)
        scheduleFailure(of: node, from: time)
      case .void(let task): ready.add(task, at: Double(task))
      }
    }
  }
}

/// Things in the order of their times; of equal times, in the order in which they came.
private struct EarliestFirst<Value> {
  private var entries: [(time: Double, number: Int, value: Value)] = []
  private var count = 0

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (entries[a].time, entries[a].number) < (entries[b].time, entries[b].number)
  }

  mutating func add(_ value: Value, at time: Double) {
    entries.append((time, count, value))
    count += 1
    var child = entries.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func take() -> (time: Double, value: Value)? {
    guard !entries.isEmpty else { return nil }
    entries.swapAt(0, entries.count - 1)
    let first = entries.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < entries.count }
      guard let least = children.min(by: precedes), precedes(least, parent) else { break }
      entries.swapAt(least, parent)
      parent = least
    }
    return (first.time, first.value)
  }
}
