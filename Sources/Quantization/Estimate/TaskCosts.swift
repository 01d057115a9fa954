import LanguageModels
import Tensors

/// What one task takes.
public struct TaskCost: Sendable, Equatable {
  /// Processor seconds of work that all threads of the process share.
  public var shared = 0.0
  /// Seconds of work of one thread alone.
  public var alone = 0.0
  /// The most memory held at once, in bytes.
  public var memory = 0
  /// Bytes read of the model and of other tasks' results.
  public var bytesRead = 0
  /// Bytes of its result.
  public var bytesWritten = 0

  /// Seconds on `threads` processors whose files move at `bytesPerSecond`.
  public func seconds(threads: Int, bytesPerSecond: Double) -> Double {
    shared / Double(max(1, threads)) + alone + Double(bytesRead + bytesWritten) / bytesPerSecond
  }
}

/// What every task of a job takes, from counts of the work and rates that are measured on this machine in about a second.
public struct TaskCosts: Sendable {
  /// By task.
  public let costs: [TaskCost]
  /// Bytes of results that the job folder holds at most, if statistics of all blocks are made before any matrix is quantized.
  public let diskBytes: Int
  /// Bytes of the matrices that are quantized, in the output.
  public let outputBytes: Int

  init(_ work: JobWork, graph: TaskGraph, plan: QuantizationPlan) {
    let model = Model(work, plan: plan)
    let costs = graph.tasks.map(model.cost)
    self.costs = costs
    diskBytes = model.diskBytes(graph, costs)
    outputBytes = plan.matrices.reduce(0) { $0 + ($1.storedBits + 7) / 8 }
  }

  init(costs: [TaskCost], diskBytes: Int, outputBytes: Int) {
    (self.costs, self.diskBytes, self.outputBytes) = (costs, diskBytes, outputBytes)
  }

  /// What measured processor time was of that counted, as `Scripts/scale_costs.py` fits it: the counts leave out what is no large
  /// product.
  private static let (statisticsFactor, quantizationFactor) = (1.67, 1.1)
  static let (gradientFactor, originalFactor, tuningFactor) = (1.7, 1.8, 2.0)

  /// Residual streams of a task of gradients that stay in memory.
  static let streamMemory = 1 << 30
}

extension TaskCosts {
  struct Model {
    let work: JobWork
    let plan: QuantizationPlan
    let matricesOfBlock: [Int: [MatrixPlan]]
    let machine: MachineRates
    let searches: [String: SearchRates]

    init(_ work: JobWork, plan: QuantizationPlan) {
      (self.work, self.plan) = (work, plan)
      matricesOfBlock = Dictionary(grouping: plan.matrices, by: \.block)
      machine = QuantizationEstimate.onOneThread { MachineRates() }
      var searches: [String: SearchRates] = [:]
      for matrix in plan.matrices where searches[Self.key(matrix.recipe)] == nil {
        searches[Self.key(matrix.recipe)] = QuantizationEstimate.onOneThread { SearchRates(matrix.recipe) }
      }
      self.searches = searches
    }

    static func key(_ recipe: QuantizationRecipe) -> String { "\(recipe.name) \(recipe.beamWidth)" }

    var hiddenSize: Int { work.configuration.hiddenSize }

    func forwardWork(_ block: Int) -> Double { QuantizationEstimate.forwardWork(block, work.configuration) }

    /// Bytes of a block's weights in the model's files.
    func blockBytes(_ block: Int) -> Int { 2 * Int(forwardWork(block)) }

    func statesBytes(windows: Int) -> Int { 4 * windows * work.text.length * hiddenSize }

    /// Bytes of running sums, of which files hold one triangle.
    func sumBytes(_ text: JobTask.Text, _ block: Int) -> Int {
      work.widths(text, block: block).values.reduce(0) { $0 + 8 * $1 * $1 }
    }

    /// Of running sums only those of the last shard stay; the others are gone once the next shard has gone on with them.
    func diskBytes(_ graph: TaskGraph, _ costs: [TaskCost]) -> Int {
      guard work.measures else { return graph.tasks.reduce(0) { $0 + costs[$1.index].bytesWritten } }
      // Streams of gradients are gone before those of statistics are there.
      var spilled = 0
      let sums = (0..<work.blockCount).map { sumBytes(.main, $0) / 2 }
      let statistics =
        sums.reduce(0, +) + work.shardRanges(.main).count * (sums.max() ?? 0)
        + 2 * statesBytes(windows: work.windowCount(.main))
      var bytes = 0
      for task in graph.tasks {
        switch task.kind {
        case .statistics(.main, _, _), .advance: break
        case .gradients(let text, let chunk):
          let kept = gradientBytes(windows: windowCount(text, chunk))
          bytes += kept
          spilled += costs[task.index].bytesWritten - kept
        case .tuned(let block): if block < 2 { bytes += costs[task.index].bytesWritten }
        default: bytes += costs[task.index].bytesWritten
        }
      }
      return bytes + max(spilled, statistics)
    }

    private func windowCount(_ text: JobTask.Text, _ chunk: Int) -> Int {
      min(work.windowCount(text) - chunk * TaskGraph.windowsPerChunk, TaskGraph.windowsPerChunk)
    }

    /// Bytes of the result of a task of gradients.
    private func gradientBytes(windows: Int) -> Int { windows * work.text.length * 4 * plan.matrices.count }

    func cost(_ task: JobTask) -> TaskCost {
      switch task.kind {
      case .calibration: TaskCost(memory: PeakMemory.base)
      case .gradients(let text, let chunk): gradients(text, chunk)
      case .statistics(let text, let block, let shard): statistics(text, block: block, shard: shard)
      case .sensitivity(let block): sensitivity(block)
      case .allocation: TaskCost(memory: PeakMemory.base)
      case .secondMoments(let block):
        TaskCost(
          memory: PeakMemory.base + 2 * sumBytes(.main, block), bytesRead: sumBytes(.main, block) / 2,
          bytesWritten: sumBytes(.main, block) / 2)
      case .quantization(let block, let part): quantization(block, part)
      case .advance(let block, let shard): advance(block, shard)
      case .original(let block), .tuned(let block): tuningStream(block)
      case .tuning(let block): tuning(block)
      }
    }

    private func gradients(_ text: JobTask.Text, _ chunk: Int) -> TaskCost {
      let windows = windowCount(text, chunk)
      let tokens = Double(windows * work.text.length)
      let head = Double(work.configuration.vocabularySize * hiddenSize)
      let inBlocks = work.configuration.blocks.indices.reduce(0) { $0 + forwardWork($1) }
      let weights = head + inBlocks
      // Those of blocks are widened for each window.
      let pass =
        TaskCosts.gradientFactor
        * (tokens * weights * machine.passProduct + Double(windows) * inBlocks * machine.widening)
      var cost = TaskCost()
      func memory(group: Int) -> Int {
        PeakMemory.gradients(
          work.configuration, length: work.text.length, group: group, tapeLimit: WindowPass.tapeLimit,
          streamLimit: TaskCosts.streamMemory)
      }
      let streams = (work.configuration.blocks.count + 1) * statesBytes(windows: windows)
      cost.bytesWritten = gradientBytes(windows: windows)
      // Forth and back; weights have no gradient. Block by block, what is formed on the way forth is formed again on the way back.
      if 2 * Int(weights) < memory(group: 1) {
        cost.shared = 2 * pass
        cost.memory = memory(group: 1)
        cost.bytesRead = 2 * Int(weights)
      } else {
        cost.shared = 3 * pass
        cost.memory = memory(group: windows)
        cost.bytesRead = 2 * 2 * Int(weights)
        if streams > TaskCosts.streamMemory {
          cost.bytesRead += streams
          cost.bytesWritten += streams
        }
      }
      return cost
    }

    private func statistics(_ text: JobTask.Text, block: Int, shard: Int) -> TaskCost {
      let windows = work.shardRanges(text)[shard].count
      let tokens = Double(windows * work.text.length)
      var cost = TaskCost()
      let squares = Double(sumBytes(text, block)) / 8
      cost.shared =
        TaskCosts.statisticsFactor * tokens
        * (forwardWork(block) * machine.product + squares / 2 * machine.secondMoment)
      let pass = statesBytes(windows: min(windows, BlockRunner.windowsPerPass))
      cost.memory = PeakMemory.base + sumBytes(text, block) + 12 * pass + blockBytes(block)
      cost.bytesRead = blockBytes(block)
      if block > 0 { cost.bytesRead += statesBytes(windows: windows) }
      if shard > 0 { cost.bytesRead += sumBytes(text, block) / 2 }
      cost.bytesWritten = sumBytes(text, block) / 2
      if work.hasSuccessor(text, block: block), !(work.isSequential && text == .main) {
        cost.bytesWritten += statesBytes(windows: windows)
      }
      return cost
    }

    private func advance(_ block: Int, _ shard: Int) -> TaskCost {
      let windows = work.shardRanges(.main)[shard].count
      let states = statesBytes(windows: windows)
      let pass = statesBytes(windows: min(windows, BlockRunner.windowsPerPass))
      return TaskCost(
        shared: Double(windows * work.text.length) * forwardWork(block) * machine.product,
        memory: PeakMemory.base + 12 * pass + blockBytes(block), bytesRead: 2 * states, bytesWritten: states)
    }

    private func matrixWork(_ matrix: MatrixPlan) -> MatrixWork? {
      searches[Self.key(matrix.recipe)].map {
        MatrixWork(
          outFeatures: matrix.shape[0], inFeatures: matrix.shape[1], recipe: matrix.recipe, search: $0, machine: machine
        )
      }
    }

    private func memory(_ matrix: MatrixPlan) -> Int {
      PeakMemory.quantization(outputs: matrix.shape[0], inputs: matrix.shape[1])
    }

    private func sensitivity(_ block: Int) -> TaskCost {
      let matrices = matricesOfBlock[block] ?? []
      var cost = TaskCost(memory: PeakMemory.base + (matrices.map(memory).max() ?? 0))
      cost.alone = matrices.reduce(0) { $0 + (matrixWork($1)?.preparation ?? 0) }
      cost.bytesRead = blockBytes(block) + sumBytes(.analysis, block) / 2
      return cost
    }

    private func quantization(_ block: Int, _ part: Int) -> TaskCost {
      let matrices = Array((matricesOfBlock[block] ?? [])[work.parts(ofBlock: block)[part]])
      var cost = TaskCost(memory: PeakMemory.base + (matrices.map(memory).max() ?? 0))
      for matrix in matrices {
        let work = matrixWork(matrix)
        cost.shared += TaskCosts.quantizationFactor * (work?.shared ?? 0)
        cost.alone += TaskCosts.quantizationFactor * (work?.alone ?? 0)
        cost.bytesRead += 2 * matrix.shape.elementCount + 4 * matrix.shape[1] * matrix.shape[1]
        cost.bytesWritten += (matrix.storedBits + 7) / 8
      }
      return cost
    }
  }
}

extension QuantizationJob {
  /// What every task takes. Shapes that are yet to be chosen are taken as sizes alone would have them.
  public func costs() throws -> TaskCosts {
    var plan = self.plan
    if let budget = arguments.budget, opened.results.plan == nil {
      plan = try plan.spending(bits: budget.bits, sensitivity: nil, preferring: budget.preference)
    }
    return TaskCosts(opened.work, graph: graph, plan: plan)
  }
}
