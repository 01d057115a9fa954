import ArgumentParser
import Quantization

/// Where second moments come from, and where they are kept.
struct StatisticsOptions: ParsableArguments {
  @Flag(help: "Measure each block's inputs behind the quantized blocks before it, not behind the original ones.")
  var sequential = false

  @Option(
    help: ArgumentHelp(
      "Read second moments from a folder in place of calibration; none of the model is run.", valueName: "folder"))
  var secondMoments: String?

  @Option(
    help: ArgumentHelp(
      "Write the second moments of every block into a folder, for --second-moments.", valueName: "folder"))
  var saveSecondMoments: String?

  @Option(
    help: ArgumentHelp(
      "Tokens of the text count by this power of the squared gradient of the loss: 0 all alike, 1 in full.",
      valueName: "power"))
  var guidance = ModelQuantizer.defaultGuidance

  /// Refuses options that contradict each other.
  ///
  /// - Parameter tunes: whether text is needed for tuning whatever the statistics come from.
  func validate(with calibration: CalibrationOptions, tunes: Bool) throws {
    if secondMoments != nil {
      if sequential {
        throw ValidationError(
          "--sequential measures behind the quantized blocks, which --second-moments does not run; leave one of them out"
        )
      }
      if !tunes, !calibration.calibration.isEmpty || calibration.sequenceLength != nil {
        throw ValidationError("--second-moments takes the place of --calibration; leave one of them out")
      }
      if saveSecondMoments != nil {
        throw ValidationError("--second-moments measures nothing that --save-second-moments could write")
      }
    }
    guard (0...1).contains(guidance) else {
      throw ValidationError("--guidance must be between 0 and 1, not \(guidance)")
    }
    if sequential, saveSecondMoments != nil {
      throw ValidationError(
        "--sequential measures what one recipe makes of the blocks; --save-second-moments keeps that of the model: leave one of them out"
      )
    }
  }

  /// The statistics of these options; `windows` is asked for text where some is needed.
  func statistics(measuringOn windows: () throws -> CalibrationWindows) rethrows -> ModelQuantizer.Statistics {
    if let secondMoments { return .read(SecondMomentFolder(path: secondMoments)) }
    if sequential { return .sequential(try windows()) }
    return .measured(try windows(), savedTo: saveSecondMoments.map(SecondMomentFolder.init))
  }
}
