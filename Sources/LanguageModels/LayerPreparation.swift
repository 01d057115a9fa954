import Synchronization
import Tensors

/// Makes the run-time forms of a model's quantized layers at its first use, by all threads: one layer alone would keep few of
/// them busy.
final class LayerPreparation: Sendable {
  private let layers = Mutex<[QuantizedLinear]>([])

  func add(_ layer: QuantizedLinear) { layers.withLock { $0.append(layer) } }

  /// Returns when all are made; the second time at once.
  func run() {
    layers.withLock { layers in
      // The largest first, so that no thread is left with one at the end.
      let rest = layers.sorted { $0.storedBytes > $1.storedBytes }
      parallelFor(rest.count) { rest[$0].prepare() }
      // Scales, permutations and codebooks lie between the codes; what was read of them is not needed again.
      for layer in rest { layer.releaseFilePages() }
      layers = []
    }
  }
}
