import Checkpoints
import LanguageModels
import Tensors

extension TaskExecutor {
  func gradients(_ task: JobTask, _ text: JobTask.Text, _ chunk: Int, _ report: Report) throws {
    try report(0, "gradients")
    let all = work.windows(text, of: try windows().windows)
    let first = chunk * TaskGraph.windowsPerChunk
    let chunk = first..<min(all.count, first + TaskGraph.windowsPerChunk)
    let pass = try fisher ?? fisherPass()
    fisher = pass
    try pass.add(all[chunk]) { try report($0, "gradients") }
    try GradientFile(path: results.folder.file(task), metadata: results.metadata(task)).write(pass.gradients.take())
    try report(1, "gradients")
  }

  /// Where the weights are in memory anyway, each window goes by itself: what its way back needs need not be formed twice.
  private func fisherPass() throws -> FisherPass {
    let available = AvailableMemory.bytes ?? .max
    let isLarge = groupsWindows ?? (work.model.fileBytes > available / 2)
    return try FisherPass(
      work.model, length: work.text.length, seed: work.seed, group: isLarge ? TaskGraph.windowsPerChunk : 1,
      streamMemory: min(results.residentLimit ?? TaskCosts.streamMemory, available / 4), spill: results.folder.path)
  }

  /// The gradients that tasks have left, of some modules, in the order of the windows.
  func gradients(_ text: JobTask.Text, of modules: [String]) throws -> OutputGradients? {
    let tasks = graph.tasks.filter { if case .gradients(text, _) = $0.kind { true } else { false } }
    guard !tasks.isEmpty else { return nil }
    let gradients = OutputGradients()
    for task in tasks {
      try GradientFile(path: results.folder.file(task), metadata: results.metadata(task))
        .read(modules, addingTo: gradients)
    }
    return gradients
  }

  /// How much each token counts in the second moments of a block's inputs.
  func tokenWeights(ofBlock block: Int) throws -> [LinearInput: [Float]] {
    guard work.weighsTokens else { return [:] }
    if let weighed, weighed.block == block { return weighed.weights }
    let modules = work.configuration.inputs(ofBlock: block).flatMap(\.readers)
    let weights =
      try gradients(.main, of: modules).map {
        TokenWeights.weights($0, work.configuration, block: block, power: work.guidance)
      } ?? [:]
    weighed = (block, weights)
    return weights
  }
}
