package import Checkpoints
import Tensors
package import VectorQuantization

/// Runs windows of text through a model one block at a time, so that only one block's weights are in memory.
///
/// Windows go through a block a few at a time; the residual stream between blocks belongs to the caller, who may keep it in
/// memory or on disk.
package final class BlockRunner {
  package let configuration: ModelConfiguration
  /// Tokens of every window.
  package let length: Int
  private let loader: ParameterLoader
  private let rotaries: [RotaryEmbedding]
  private lazy var embedding = Result { try loader.embedding(configuration) }

  /// Windows run together: enough rows for matrix products, few enough to keep scratch memory small.
  package static let windowsPerPass = 4

  /// Prepares for windows of `length` tokens; no weight is read yet.
  package init(_ folder: ModelDirectory, length: Int) throws {
    configuration = try ModelConfiguration(folder)
    loader = ParameterLoader(source: folder, settings: try QuantizationSettings(folder.configuration))
    rotaries = configuration.rotaries.map(RotaryEmbedding.init)
    self.length = length
  }

  /// Floats of the residual stream of `windows` windows.
  package func floatCount(windows: Int) -> Int { windows * length * configuration.hiddenSize }

  /// The residual stream before the first block, `[windows, length, hiddenSize]`.
  ///
  /// - Throws: `LanguageModelError` for a token that the model does not know.
  package func embed(_ windows: ArraySlice<[Int]>) throws -> [Float] {
    precondition(windows.allSatisfy { $0.count == length }, "windows of unequal length")
    for window in windows {
      let cache = KeyValueCache([], capacity: window.count)
      try DecoderModel.check([Segment(tokens: window, cache: cache)], configuration)
    }
    return DecoderModel.embed(windows.flatMap(\.self), try embedding.get(), scale: configuration.embeddingScale)
  }

  /// A pass through block `index` with its weights as stored.
  package func pass(_ index: Int) throws -> Pass {
    Pass(self, block: try loader.block(index, configuration), index: index)
  }

  /// A pass through block `index` with the tensors of `source`, some of them quantized as `settings` say.
  package func pass(
    _ index: Int, from source: any TensorSource, settings: QuantizationSettings
  ) throws -> Pass {
    let loader = ParameterLoader(source: source, settings: settings, isExact: true)
    return Pass(self, block: try loader.block(index, configuration), index: index)
  }

  /// One block, ready for windows.
  package struct Pass {
    private let block: TransformerBlock
    private let caches: [KeyValueCache]
    private let tokens: [Int]
    private let rotaries: [RotaryEmbedding]
    /// Of the residual stream.
    private let width: Int

    fileprivate init(_ runner: BlockRunner, block: TransformerBlock, index: Int) {
      self.block = block
      rotaries = runner.rotaries
      width = runner.configuration.hiddenSize
      tokens = [Int](repeating: 0, count: runner.length)
      caches = (0..<BlockRunner.windowsPerPass).map { _ in
        let cache = KeyValueCache([runner.configuration.blocks[index]], capacity: runner.length)
        cache.reserve(runner.length)
        return cache
      }
    }

    /// Replaces the residual stream `[windows, length, hiddenSize]` of at most `windowsPerPass` windows by what the block
    /// makes of it; `observe` is told the inputs of the block's linear layers.
    package func apply(
      _ states: UnsafeMutablePointer<Float>, windows: Int, observe: InputObserver?
    ) {
      let segments = caches[..<windows].map { Segment(tokens: tokens, cache: $0) }
      let layout = BatchLayout(segments, rotaries: rotaries)
      ResidualStream.run(states, rows: layout.rows, width: width) {
        block.apply(&$0, layout: layout, layer: 0, observe: observe)
      }
    }
  }
}
