import Foundation
import TestSupport
import Testing

@testable import Quantization

@Suite("Simulated jobs")
struct TaskSimulatorTests {
  /// 2 blocks, 2 shards, 7 matrices a block, no gradients: 4 tasks of statistics, 14 of quantization.
  private func withGraph(_ body: (TaskGraph, QuantizationJob) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let jobs = try TinyJob(in: folder)
    var arguments = try jobs.arguments("out", shards: 2, parts: 16)
    arguments.guidance = 0
    let job = try jobs.plan("out", arguments)
    try body(job.graph, job)
  }

  private func costs(_ graph: TaskGraph, statistics: Double, quantization: Double) -> TaskCosts {
    TaskCosts(
      costs: graph.tasks.map { TaskCost(alone: $0.stage == "statistics" ? statistics : quantization) }, diskBytes: 0,
      outputBytes: 0)
  }

  /// On one node everything follows: 4 · 10 + 14 · 3 = 82. On many, block 1's second shard waits for its first shard, which waits
  /// for block 0: (0,0) 0-10, (0,1) and (1,0) 10-20, (1,1) 20-30, then block 1's matrices 30-33.
  @Test("Without failures, the critical path and the sum of all work")
  func exact() throws {
    try withGraph { graph, _ in
      var simulator = TaskSimulator()
      simulator.startSeconds = 0
      let costs = costs(graph, statistics: 10, quantization: 3)
      let alone = simulator.run(graph, costs: costs)
      #expect(alone.seconds == 82 && alone.utilization == 1 && alone.lostSeconds == 0)
      simulator.nodes = 20
      #expect(simulator.run(graph, costs: costs).seconds == 33)
    }
  }

  @Test("Failures cost time, lose work, and end all the same; equal seeds give equal plays")
  func failures() throws {
    try withGraph { graph, _ in
      var simulator = TaskSimulator()
      (simulator.startSeconds, simulator.nodes, simulator.hoursBetweenFailures) = (0, 2, 0.01)
      (simulator.repairSeconds, simulator.staleSeconds) = (5, 1)
      let costs = costs(graph, statistics: 10, quantization: 3)
      let runs = (0..<50).map { simulator.run(graph, costs: costs, seed: $0) }
      #expect(runs.map(\.failures).reduce(0, +) > 50)
      #expect(runs.contains { $0.lostSeconds > 0 })
      #expect(runs.allSatisfy { $0.seconds >= 41 && $0.seconds < 1000 })
      #expect(simulator.run(graph, costs: costs, seed: 7) == runs[7])
    }
  }

  @Test("Stages begin after those whose results they read; lanes hold every task once")
  func stages() throws {
    try withGraph { graph, _ in
      let stages = graph.stages
      #expect(stages.map(\.name) == ["statistics", "quantization"])
      #expect(
        stages[0].lanes.map { $0.map { graph.tasks[$0].name } } == [
          ["statistics-00000-000", "statistics-00001-000"], ["statistics-00000-001", "statistics-00001-001"],
        ])
      #expect(stages[1].lanes.count == 14 && stages[1].after == [0])
      #expect(stages.flatMap { $0.lanes.joined() }.sorted() == Array(graph.tasks.indices))
    }
  }
}
