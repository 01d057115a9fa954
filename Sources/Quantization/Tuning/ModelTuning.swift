import LanguageModels
import Tensors

/// Tunes a whole model at once: its next-token probabilities to those of the original.
struct ModelTuning {
  let tuned: TuningModel
  let original: TuningModel
  let text: TuningText
  let options: TuningOptions

  /// Takes the steps that `journal` lacks; `onStep` is called before each.
  func run(_ journal: inout TuningJournal, onStep: (TuningJournal) throws -> Void) throws {
    guard journal.losses.count < options.steps else { return }
    let loss = DivergenceLoss(teacher: original, student: tuned, rows: options.tokens)
    while journal.losses.count < options.steps {
      try onStep(journal)
      let step = journal.losses.count
      var sum = 0.0
      for window in 0..<options.windowsPerStep {
        let tokens = text.window(
          draw: step * options.windowsPerStep + window, length: options.tokens, seed: options.seed)
        sum += loss.addGradient(tokens, scale: 1 / Float(options.windowsPerStep))
      }
      try journal.step(loss: sum / Double(options.windowsPerStep), schedule: step)
    }
  }
}
