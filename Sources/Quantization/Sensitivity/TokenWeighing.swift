import Checkpoints
import Tensors

/// Measures how much each token of the calibration text counts; a second run goes on behind the last windows that were kept.
struct TokenWeighing {
  let model: ModelDirectory
  let windows: [[Int]]
  let seed: UInt64
  let file: GradientFile

  /// Windows between two writes.
  private static let windowsPerWrite = 8

  /// The gradients of all windows.
  ///
  /// - Throws: `QuantizationError` (`unsupported`) for a model whose blocks have no gradients here, (`interrupted`); or what
  ///   reading and writing throw.
  func run(progress: any ProgressListener, isCancelled: () -> Bool) throws -> OutputGradients {
    let length = windows.first?.count ?? 1
    let known = try file.read()
    let first = known.count / length
    guard first < windows.count else { return known }
    let pass = try FisherPass(model, length: length, seed: seed, known: known)
    for number in first..<windows.count {
      if isCancelled() {
        if number > first { try file.write(pass.gradients) }
        throw QuantizationError(.interrupted, "interrupted while weighing tokens; the same command goes on from there")
      }
      pass.add(windows[number], number: number)
      progress.report("weighing tokens", completed: number + 1, total: windows.count, unit: .items("windows"))
      if (number + 1) % Self.windowsPerWrite == 0 || number + 1 == windows.count { try file.write(pass.gradients) }
    }
    return pass.gradients
  }
}
