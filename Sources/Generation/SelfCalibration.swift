import CKernels
public import LanguageModels
public import Tensors

/// Text that a model writes itself, for calibrating its own quantizer.
///
/// Every sequence starts with the begin token and is sampled at temperature 1; where the model ends a text, the next one
/// begins in the same window. All sequences advance together, so that each step reads the weights once.
public enum SelfCalibration {
  /// Samples `sequences` windows of `length` tokens; the same seed gives the same windows at any thread count.
  ///
  /// - Throws: what the model's forward pass throws, `GenerationError` (`noDistribution`), or `CancellationError` once
  ///   `isCancelled` says so.
  public static func sample(
    _ model: any CausalLanguageModel, sequences: Int, length: Int, seed: UInt64,
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> [[Int]] {
    let configuration = model.configuration
    let begin = configuration.beginTokenID ?? configuration.endTokenIDs.min() ?? 0
    let caches = (0..<sequences).map { _ in model.makeCache(capacity: length) }
    var windows = [[Int]](repeating: [begin], count: sequences)
    for position in 1..<max(length, 1) {
      if isCancelled() { throw CancellationError() }
      let segments = (0..<sequences).map { Segment(tokens: [windows[$0][position - 1]], cache: caches[$0]) }
      let logits = try model.forward(segments, logits: .last)
      let drawn = try draw(logits, sequences: sequences, position: position, seed: seed)
      for index in 0..<sequences {
        windows[index].append(configuration.endTokenIDs.contains(drawn[index]) ? begin : drawn[index])
      }
      progress.report("sampling calibration text", completed: position + 1, total: length)
    }
    return windows
  }

  /// One token for each row of logits, from the softmax; each sequence draws from a stream of its own.
  private static func draw(_ logits: Logits, sequences: Int, position: Int, seed: UInt64) throws -> [Int] {
    let width = logits.vocabularySize
    var drawn = [Int](repeating: -1, count: sequences)
    drawn.withUnsafeMutableBufferPointer { drawn in
      let result = drawn.baseAddress
      parallelFor(sequences) { index in
        let random = CounterRandom(seed: seed, stream: UInt64(index))
        var row = Array(logits.row(index))
        guard !row.contains(where: \.isNaN) else { return }
        ck_active().pointee.softmax(&row, width)
        var rest = Float(random.uniform(at: UInt64(position)))
        // Where rounding leaves a remainder, the most likely token takes it.
        var choice = row.indices.max { row[$0] < row[$1] } ?? 0
        for id in 0..<width {
          rest -= row[id]
          if rest < 0 {
            choice = id
            break
          }
        }
        result?[index] = choice
      }
    }
    if drawn.contains(-1) {
      throw GenerationError(.noDistribution, "the model's logits are not numbers; it cannot write its calibration text")
    }
    return drawn
  }
}
