import ArgumentParser
import Foundation
import JSONReader
import Quantization
import Tensors

/// `vptq job simulate`: when a planned job would be done.
struct JobSimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Play a planned job through on machines that may fail, to see when it would be done.",
    discussion: """
      Rates of processors are those of this machine, times --speed. Nothing of the model is run.

      Example:
        vptq job simulate q.job --nodes 1,8,64 --threads 32 --mtbf 1000
      """)

  @Argument(help: "The job folder.")
  var job: String

  @Option(help: ArgumentHelp("Numbers of nodes.", valueName: "numbers"), transform: numbers)
  var nodes: [Int] = [1, 8, 64]

  @Option(help: "How much faster a processor is than one here.")
  var speed = 1.0

  @Option(help: "What a node can read or write in a second.")
  var bandwidth = ByteCount(bytes: 1_000_000_000)

  @Option(help: "What all nodes together can read or write in a second.")
  var sharedBandwidth = ByteCount(bytes: 10_000_000_000)

  @Option(help: "Hours between two failures of a node, on average; 0: none ever.")
  var mtbf = 0.0

  @Option(help: "Seconds until a node that failed is back.")
  var repair = 600.0

  @Option(help: "Plays for each number of nodes.")
  var plays = 20

  @OptionGroup var common: CommonOptions

  private static func numbers(_ text: String) throws -> [Int] {
    let values = text.split(separator: ",").map { Int($0) ?? 0 }
    guard !values.isEmpty, values.allSatisfy({ (1...100_000).contains($0) }) else {
      throw ValidationError("must be numbers from 1 to 100000, for instance 1,8,64")
    }
    return values
  }

  func validate() throws {
    guard speed > 0, mtbf >= 0, repair >= 0, (1...10_000).contains(plays) else {
      throw ValidationError("--speed must be above 0, --mtbf and --repair at least 0, --plays between 1 and 10000")
    }
    guard bandwidth.bytes > 0, sharedBandwidth.bytes > 0 else {
      throw ValidationError("--bandwidth and --shared-bandwidth must be above 0")
    }
  }

  func run() async throws {
    common.apply()
    let job = try QuantizationJob(path: URL(fileURLWithPath: self.job).standardizedFileURL.path)
    let costs = try job.costs()
    var rows = [["nodes", "finished after", "9 of 10 plays within", "busy", "lost to failures", "failures"]]
    var documents: [JSONValue] = []
    for count in nodes {
      var simulator = TaskSimulator()
      (simulator.nodes, simulator.threads, simulator.speed) = (
        count, common.threads ?? WorkerPool.shared.threadCount, speed
      )
      simulator.bytesPerSecond = Double(bandwidth.bytes)
      simulator.sharedBytesPerSecond = Double(sharedBandwidth.bytes)
      if mtbf > 0 { simulator.hoursBetweenFailures = mtbf }
      simulator.repairSeconds = repair
      let runs = (0..<(mtbf > 0 ? plays : 1)).map {
        simulator.run(job.graph, costs: costs, seed: common.seed &+ UInt64($0))
      }
      let seconds = runs.map(\.seconds).sorted()
      func mean(_ value: (TaskSimulator.Run) -> Double) -> Double {
        runs.reduce(0) { $0 + value($1) } / Double(runs.count)
      }
      let late = seconds[min(seconds.count - 1, seconds.count * 9 / 10)]
      rows.append([
        "\(count)", Console.clock(mean(\.seconds)), Console.clock(late), "\(Int(100 * mean(\.utilization))) %",
        Console.clock(mean(\.lostSeconds)), Console.fixed(mean { Double($0.failures) }, 1),
      ])
      documents.append(
        .object([
          ("nodes", .integer(count)), ("seconds", .number(mean(\.seconds))), ("seconds_90_percent", .number(late)),
          ("utilization", .number(mean(\.utilization))), ("lost_seconds", .number(mean(\.lostSeconds))),
          ("failures", .number(mean { Double($0.failures) })),
        ]))
    }
    let memory = costs.costs.map(\.memory).max() ?? 0
    if common.json {
      print(
        JSONValue.object([
          ("tasks", .integer(job.graph.tasks.count)), ("memory_bytes", .integer(memory)),
          ("disk_bytes", .integer(costs.diskBytes)), ("runs", .array(documents)),
          (
            "read_bytes", .integer(costs.costs.reduce(0) { $0 + $1.bytesRead })
          ),
          ("written_bytes", .integer(costs.costs.reduce(0) { $0 + $1.bytesWritten })),
          ("processor_seconds", .number(costs.costs.reduce(0) { $0 + $1.shared + $1.alone })),
        ]).serialized(pretty: true))
      return
    }
    for line in Console.table(rows) { print(line) }
    print(
      "\(job.graph.tasks.count) tasks; the largest takes \(Console.size(memory)) of memory; results take at most \(Console.size(costs.diskBytes)) on disk"
    )
  }
}
