import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Second moments measured on windows of text, of which one block at a time is run.
final class MeasuredStatistics: BlockStatistics {
  /// Which weights the text has passed where it reaches a block.
  enum Stream {
    /// The original ones.
    case original
    /// Those of the quantized blocks.
    case quantized
  }

  private var runner: BlockRunner
  private let stream: Stream
  private let recorder: SecondMomentRecorder?
  /// How much each token counts; all alike unless given.
  var weights: TokenWeights?
  let windows: CalibrationWindows

  /// Embeds the windows; `recorder` keeps what is measured.
  init(
    _ model: ModelDirectory, windows: CalibrationWindows, stream: Stream, recorder: SecondMomentRecorder? = nil
  ) throws {
    runner = try BlockRunner(model, windows: windows.windows)
    self.windows = windows
    self.stream = stream
    self.recorder = recorder
  }

  func isPending(_ index: Int) -> Bool { recorder?.isPending(index) ?? false }

  func moments(
    ofBlock index: Int, inputs: [LinearInput: Int], progress: (_ share: Double) throws -> Void
  ) throws -> any SecondMomentSource {
    var widths = inputs
    if isPending(index) {
      for entry in runner.configuration.inputs(ofBlock: index) { widths[entry.input] = entry.width }
    }
    var moments = SecondMoments()
    let weights = weights
    let observe: InputObserver = { input, x, rows in
      if let width = widths[input] {
        moments.add(input, x, rows: rows, width: width, weights: weights?.weights(block: index, input: input))
      }
    }
    let count = Double(windows.windows.count)
    let report = { (completed: Int) in try progress(Double(completed) / count) }
    let block = try runner.block(index)
    switch stream {
    case .original:
      try runner.advance(through: block, at: index, progress: report, observe: widths.isEmpty ? nil : observe)
    case .quantized:
      if !widths.isEmpty { try runner.watch(block, at: index, progress: report, observe: observe) }
    }
    if isPending(index) { try recorder?.write(moments, block: index) }
    return moments
  }

  func add(to print: inout Fingerprint) {
    print.add(windows)
    if stream == .quantized { print.add("sequential") }
  }

  func replace(block index: Int, by source: any TensorSource, settings: QuantizationSettings) throws {
    guard stream == .quantized else { return }
    try runner.advance(through: runner.block(index, from: source, settings: settings), at: index, observe: nil)
  }
}
