import LanguageModels
import Tensors

extension TaskCosts.Model {
  private func tuningStates(_ options: TuningOptions) -> Int {
    4 * options.blockWindows * options.tokens * hiddenSize
  }

  /// What the backward pass of one window through a block needs.
  private func tape(_ block: Int, _ options: TuningOptions) -> Int {
    let widths = work.configuration.linears(ofBlock: block).reduce(0) { $0 + $1.shape[0] }
    return 4 * options.tokens * (2 * widths + 4 * hiddenSize)
  }

  func tuningStream(_ block: Int) -> TaskCost {
    guard let options = work.tuning?.options else { return TaskCost() }
    let states = tuningStates(options)
    return TaskCost(
      shared: TaskCosts.originalFactor * Double(options.blockWindows * options.tokens) * forwardWork(block)
        * machine.passProduct,
      memory: PeakMemory.base + tape(block, options) + blockBytes(block), bytesRead: blockBytes(block) + states,
      bytesWritten: states)
  }

  /// A step forms products forth, back to the inputs and back to the weights, and decodes the matrices twice.
  func tuning(_ block: Int?) -> TaskCost {
    guard let options = work.tuning?.options else { return TaskCost() }
    let blocks = block.map { [$0] } ?? Array(work.configuration.blocks.indices)
    let tokens = Double(options.steps * options.windowsPerStep * options.tokens)
    let weights = blocks.reduce(0) { $0 + forwardWork($1) }
    let values = blocks.flatMap { matricesOfBlock[$0] ?? [] }.reduce(0) { $0 + codebookValues($1) }
    let largest = blocks.flatMap { matricesOfBlock[$0] ?? [] }.map(\.shape.elementCount).max() ?? 0
    var cost = TaskCost()
    cost.shared = TaskCosts.tuningFactor * 3 * tokens * weights * machine.passProduct
    cost.memory = PeakMemory.base + 28 * values + 8 * largest + blocks.reduce(0) { $0 + tape($1, options) }
    cost.bytesWritten = 2 * values
    if block != nil {
      cost.bytesRead = 2 * tuningStates(options) + blockBytes(blocks[0]) / 4
    } else {
      let head = Double(work.configuration.vocabularySize * hiddenSize)
      cost.shared += tokens * (weights + 3 * head) * machine.passProduct
      cost.memory += (blocks.count + 1) * 4 * options.tokens * hiddenSize
      cost.bytesRead = 2 * Int(weights + head)
    }
    return cost
  }

  private func codebookValues(_ matrix: MatrixPlan) -> Int {
    let recipe = matrix.recipe
    return 2 * matrix.shape[1] + recipe.vectorLength * (recipe.centroidCount + recipe.residualCentroidCount)
  }
}
