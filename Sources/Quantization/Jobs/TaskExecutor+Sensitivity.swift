import LanguageModels

extension TaskExecutor {
  func sensitivity(_ task: JobTask, block: Int, _ report: Report) throws {
    let matrices = work.matrices(ofBlock: block)
    let gradients = try gradients(.analysis, of: matrices.map(\.module))
    let moments = matrices.isEmpty ? nil : try moments(ofBlock: block, text: .analysis)
    var losses: [String: Double] = [:]
    for (number, matrix) in matrices.enumerated() {
      try report(Double(number) / Double(matrices.count), matrix.name)
      if let moments {
        losses[matrix.module] = try SensitivityAnalysis.lossPerDistortion(
          of: matrix, in: work.model, moments, gradients)
      }
    }
    try SensitivityFile(path: results.folder.file(task), fingerprint: results.weights(task))
      .write(ModelSensitivity(lossPerDistortion: losses, hasGradients: gradients != nil))
  }

  func gatherSensitivity(_ task: JobTask) throws {
    var losses: [String: Double] = [:]
    var hasGradients = true
    for input in task.inputs {
      guard let part = results.sensitivity(graph.tasks[input]) else {
        throw QuantizationError(.badStatistics, "\(graph.tasks[input].name) is missing from the job folder")
      }
      losses.merge(part.lossPerDistortion) { $1 }
      hasGradients = hasGradients && part.hasGradients
    }
    let sensitivity = ModelSensitivity(lossPerDistortion: losses, hasGradients: hasGradients)
    if let file = SensitivityAnalysis.keptFile(work, digests: results.digests), !file.isReadOnly {
      try file.write(sensitivity)
    }
    try SensitivityFile(path: results.folder.file(task), fingerprint: results.weights(task)).write(sensitivity)
  }

  /// Takes the shapes that the allocation chose, once it is done; what errors cost is told.
  func allocate() throws -> ModelSensitivity? {
    guard let budget = work.budget, let task = graph[.allocation] else { return nil }
    guard let sensitivity = results.sensitivity(task) else {
      throw QuantizationError(.badStatistics, "\(task.name) is missing from the job folder")
    }
    if results.plan == nil {
      results.plan = try work.plan.spending(
        bits: budget.bits, sensitivity: sensitivity, preferring: budget.preference)
    }
    return sensitivity
  }
}
