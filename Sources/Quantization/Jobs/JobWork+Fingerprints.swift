import Checkpoints
import JSONReader
import LanguageModels
import Tensors

extension JobWork {
  /// Has the quantized model tuned.
  ///
  /// - Throws: `QuantizationError`: `unsupported` names a part that has no gradient, `invalidRecipe` an option, `badCalibration` a
  ///   text that is too short.
  mutating func tune(_ tuning: JobTuning) throws {
    try TuningModel.check(configuration)
    try tuning.options.validate()
    try tuning.text?.validate(length: tuning.options.tokens, vocabulary: configuration.vocabularySize)
    self.tuning = tuning
  }

  /// Everything that decides the output, and how it is divided, by name.
  func fingerprints(
    windows: CalibrationWindows?, read: ReadStatistics?
  ) throws -> [(part: String, digest: String)] {
    var (weights, statistics, recipe, tasks) = (Fingerprint(), Fingerprint(), Fingerprint(), Fingerprint())
    weights.add(model.configuration.serialized(pretty: false))
    for name in model.tensorNames { weights.add(name) }
    weights.add(Int(model.fileBytes))
    if let read { try read.add(to: &statistics) } else { statistics.add(textFingerprint(windows)) }
    if isSequential { statistics.add("sequential") }
    if guidance > 0 { recipe.add("guidance \(guidance) \(seed)") }
    if let budget { recipe.add("bits \(budget.bits) \(budget.preference) \(seed)") }
    for matrix in plan.matrices { recipe.add("\(matrix.module) \(matrix.recipe)") }
    tasks.add("\(division)")
    return [
      ("model", weights.text), (read == nil ? "calibration" : JobFolder.readStatistics, statistics.text),
      ("recipe", recipe.text), ("division of the work", tasks.text),
    ]
  }

  /// Of the calibration text; of one that the model is yet to write, what decides it.
  func textFingerprint(_ windows: CalibrationWindows?) -> String {
    var print = Fingerprint()
    if let windows {
      print.add(windows)
    } else {
      print.add("self \(text.windows) \(text.length) \(seed)")
    }
    return print.text
  }
}
