import CKernels
public import LanguageModels
public import Tensors

/// Text that a model writes itself, for calibrating its own quantizer.
///
/// Every sequence starts with the begin token and is sampled at temperature 1; where the model ends a text, the next one
/// begins in the same window. Sequences advance in groups, so that each step reads the weights once for a whole group.
public enum SelfCalibration {
  /// Sequences that advance together: enough to be bound by arithmetic, few enough to bound the memory of their caches.
  static let groupSize = 32

  /// Samples `sequences` windows of `length` tokens; the same seed gives the same windows at any thread count.
  ///
  /// - Throws: what the model's forward pass throws, `GenerationError` (`invalidOption`, `noDistribution`), or
  ///   `CancellationError` once `isCancelled` says so.
  public static func sample(
    _ model: any CausalLanguageModel, sequences: Int, length: Int, seed: UInt64,
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> [[Int]] {
    guard sequences >= 0 else { throw GenerationError.invalid("sequences", "at least 0", sequences) }
    let positions = model.configuration.maximumPositions
    guard (1...positions).contains(length) else {
      throw GenerationError.invalid("length", "in 1...\(positions), the model's positions", length)
    }
    var windows: [[Int]] = []
    for first in stride(from: 0, to: sequences, by: groupSize) {
      let group = first..<min(first + groupSize, sequences)
      windows += try sample(model, group, length: length, seed: seed, isCancelled: isCancelled) { position in
        progress.report(
          "sampling calibration text", completed: first * length + group.count * position, total: sequences * length,
          unit: .items("tokens"))
      }
    }
    return windows
  }

  /// The windows of one group of sequences, which is told apart from others by its sequences' numbers.
  private static func sample(
    _ model: any CausalLanguageModel, _ group: Range<Int>, length: Int, seed: UInt64, isCancelled: () -> Bool,
    report: (Int) -> Void
  ) throws -> [[Int]] {
    let configuration = model.configuration
    let begin = configuration.beginTokenID ?? configuration.endTokenIDs.min() ?? 0
    let caches = group.map { _ in model.makeCache(capacity: length) }
    var windows = [[Int]](repeating: [begin], count: group.count)
    for position in 1..<length {
      if isCancelled() { throw CancellationError() }
      let segments = zip(windows, caches).map { Segment(tokens: [$0[position - 1]], cache: $1) }
      let logits = try model.forward(segments, logits: .last)
      let drawn = try draw(logits, group, position: position, seed: seed)
      for (index, id) in drawn.enumerated() {
        windows[index].append(configuration.endTokenIDs.contains(id) ? begin : id)
      }
      report(position + 1)
    }
    return windows
  }

  /// One token for each row of logits, from the softmax; each sequence draws from a stream of its own.
  private static func draw(_ logits: Logits, _ group: Range<Int>, position: Int, seed: UInt64) throws -> [Int] {
    let width = logits.vocabularySize
    var drawn = [Int](repeating: -1, count: group.count)
    drawn.withUnsafeMutableBufferPointer { drawn in
      let result = drawn.baseAddress
      parallelFor(group.count) { index in
        let random = CounterRandom(seed: seed, stream: UInt64(group.lowerBound + index))
        var row = Array(logits.row(index))
        // Where rounding leaves a remainder, the most likely token takes it.
        guard var choice = try? Sampler.argmax(row[...]) else { return }
        ck_active().pointee.softmax(&row, width)
        var rest = Float(random.uniform(at: UInt64(position)))
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
      throw GenerationError(
        .noDistribution, "the model's logits give no distribution; it cannot write its calibration text")
    }
    return drawn
  }
}
