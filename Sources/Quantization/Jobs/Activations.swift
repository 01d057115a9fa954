import Checkpoints
import Tensors

/// The residual stream of the windows of a shard before one block, a few windows (a pass) at a time.
protocol Activations: AnyObject {
  /// Copies the states of pass `pass` to `target`.
  func read(pass: Int, into target: UnsafeMutablePointer<Float>, count: Int) throws
}

/// A residual stream in memory.
final class ActivationBuffer: Activations {
  private let states: FloatBuffer
  private let passFloats: Int

  /// Room for `count` floats, `passFloats` of them in every pass but perhaps the last.
  init(count: Int, passFloats: Int) {
    states = FloatBuffer(count: count)
    self.passFloats = passFloats
  }

  func read(pass: Int, into target: UnsafeMutablePointer<Float>, count: Int) {
    target.update(from: states.base + pass * passFloats, count: count)
  }

  func write(pass: Int, from source: UnsafePointer<Float>, count: Int) {
    (states.base + pass * passFloats).update(from: source, count: count)
  }
}
