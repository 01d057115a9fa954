package import Checkpoints
import Tensors
package import VectorQuantization

/// Runs windows of text through a model one block at a time, so that only one block's weights are in memory.
package struct BlockRunner {
  package let configuration: ModelConfiguration
  private let loader: ParameterLoader
  private let rotaries: [RotaryEmbedding]
  private let windows: Int
  private let length: Int
  /// The residual stream of every window, `[windows, length, hiddenSize]`.
  private var hidden: [Float]

  /// Windows run together: enough rows for matrix products, few enough to keep scratch memory small.
  private static let windowsPerPass = 4

  /// Embeds windows of equal length.
  package init(_ folder: ModelDirectory, windows: [[Int]]) throws {
    configuration = try ModelConfiguration(folder)
    loader = ParameterLoader(source: folder, settings: try QuantizationSettings(folder.configuration))
    rotaries = configuration.rotaries.map(RotaryEmbedding.init)
    self.windows = windows.count
    let length = windows.first?.count ?? 0
    self.length = length
    precondition(windows.allSatisfy { $0.count == length }, "windows of unequal length")
    for window in windows {
      let cache = KeyValueCache([], capacity: window.count)
      try DecoderModel.check([Segment(tokens: window, cache: cache)], configuration)
    }
    let embedding = try loader.embedding(configuration)
    hidden = DecoderModel.embed(windows.flatMap(\.self), embedding, scale: configuration.embeddingScale)
  }

  /// Block `index` with its weights as stored.
  package func block(_ index: Int) throws -> TransformerBlock {
    try loader.block(index, configuration)
  }

  /// Block `index` with the tensors of `source`, some of them quantized as `settings` say.
  package func block(
    _ index: Int, from source: any TensorSource, settings: QuantizationSettings
  ) throws -> TransformerBlock {
    try ParameterLoader(source: source, settings: settings, isExact: true).block(index, configuration)
  }

  /// Sends all windows through block `index` and keeps its outputs; `observe` is told the inputs of its linear layers.
  package mutating func advance(
    through block: TransformerBlock, at index: Int, progress: (_ completed: Int) throws -> Void = { _ in },
    observe: InputObserver?
  ) throws {
    var states: [Float] = []
    swap(&states, &hidden)
    defer { swap(&states, &hidden) }
    try states.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      try pass(through: block, at: index, progress: progress, observe: observe) { base + $0 }
    }
  }

  /// Tells the inputs of block `index`'s linear layers for all windows; what later blocks will see stays as it is.
  package func watch(
    _ block: TransformerBlock, at index: Int, progress: (_ completed: Int) throws -> Void = { _ in },
    observe: @escaping InputObserver
  ) throws {
    let share = min(Self.windowsPerPass, windows) * length * configuration.hiddenSize
    try withScratch(count: share) { scratch in
      try hidden.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try pass(through: block, at: index, progress: progress, observe: observe) { offset in
          scratch.update(from: base + offset, count: min(share, buffer.count - offset))
          return scratch
        }
      }
    }
  }

  private func pass(
    through block: TransformerBlock, at index: Int, progress: (_ completed: Int) throws -> Void,
    observe: InputObserver?, stream: (_ offset: Int) -> UnsafeMutablePointer<Float>
  ) throws {
    let width = configuration.hiddenSize
    let caches = (0..<min(Self.windowsPerPass, windows)).map { _ in
      let cache = KeyValueCache([configuration.blocks[index]], capacity: length)
      cache.reserve(length)
      return cache
    }
    let tokens = [Int](repeating: 0, count: length)
    for first in stride(from: 0, to: windows, by: Self.windowsPerPass) {
      let count = min(Self.windowsPerPass, windows - first)
      let layout = BatchLayout(caches[..<count].map { Segment(tokens: tokens, cache: $0) }, rotaries: rotaries)
      block.apply(stream(first * length * width), layout: layout, layer: 0, observe: observe)
      try progress(first + count)
    }
  }
}
