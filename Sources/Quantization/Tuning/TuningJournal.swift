import CKernels
import Tensors

/// The steps of one tuning run: each moves the parameters along a gradient, and is recorded so that a later run goes on.
struct TuningJournal {
  let parameters: TunedParameters
  let options: TuningOptions
  let checkpoint: TuningCheckpoint
  /// Steps of the whole run.
  let total: Int
  /// The loss of every step so far.
  private(set) var losses: [Double]
  /// Steps that earlier runs had done.
  let resumedSteps: Int

  init(
    _ parameters: TunedParameters, options: TuningOptions, checkpoint: TuningCheckpoint, total: Int
  ) throws {
    self.parameters = parameters
    self.options = options
    self.checkpoint = checkpoint
    self.total = total
    losses = try checkpoint.read(into: parameters)
    resumedSteps = losses.count
  }

  /// Ends a step whose gradient is there; `schedule` is its number in the run of the rate, `range` what it moves, all unless
  /// given.
  ///
  /// - Throws: `QuantizationError` (`nonFiniteLoss`) and changes nothing, or what writing a checkpoint throws.
  mutating func step(loss: Double, schedule: Int, range: Range<Int>? = nil) throws {
    let range = range ?? 0..<parameters.count
    let norm = parameters.finishGradient(range)
    guard loss.isFinite, norm.isFinite else {
      throw QuantizationError(
        .nonFiniteLoss,
        "step \(losses.count + 1) of tuning has loss \(loss) and a gradient of norm \(norm): lower the rate"
          + (TuningCheckpoint.exists(checkpoint.folder) ? "; the last checkpoint is in \(checkpoint.folder)" : ""))
    }
    func correction(_ beta: Float) -> Float { Float(1 / (1 - power(Double(beta), schedule + 1))) }
    parameters.move(
      ck_adam(
        rate: options.rate(step: schedule), beta1: options.beta1, beta2: options.beta2, epsilon: 1e-8,
        mean_correction: correction(options.beta1), square_correction: correction(options.beta2),
        gradient_scale: Float(min(1, Double(options.gradientLimit) / (norm + 1e-6)))), range)
    losses.append(loss)
    // The last step too: what is tuned must outlive an output that cannot be written.
    if losses.count % options.checkpointInterval == 0 || losses.count == total { try save() }
  }

  /// Writes what is not yet written.
  func save() throws { try checkpoint.write(parameters, losses: losses) }

  /// By squaring, so that it is the same on every platform.
  private func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, factor, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return result
  }
}
