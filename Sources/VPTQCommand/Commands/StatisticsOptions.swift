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
      "Read second moments from a folder that has those of all blocks, else measure them and write them there.",
      valueName: "folder"))
  var hessians: String?

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
    if hessians != nil, secondMoments != nil || saveSecondMoments != nil || sequential {
      throw ValidationError(
        "--hessians reads or writes second moments as they are there or not; leave out --second-moments, --save-second-moments and --sequential"
      )
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

  /// The folder that second moments are read from, if they are; work in the job folder goes on as it began.
  func folderToRead(for plan: QuantizationPlan, job: String) -> SecondMomentFolder? {
    if let secondMoments { return SecondMomentFolder(path: secondMoments) }
    guard let folder = hessians.map(SecondMomentFolder.init) else { return nil }
    return ModelQuantizer.jobReadsSecondMoments(at: job) ?? folder.hasFiles(for: plan) ? folder : nil
  }

  /// The statistics of these options; `windows` is asked for text where some is needed.
  func statistics(
    for plan: QuantizationPlan, job: String, measuringOn windows: () throws -> CalibrationWindows
  ) rethrows -> ModelQuantizer.Statistics {
    if let folder = folderToRead(for: plan, job: job) { return .read(folder) }
    if sequential { return .sequential(try windows()) }
    return .measured(try windows(), savedTo: (saveSecondMoments ?? hessians).map(SecondMomentFolder.init))
  }
}
