import CKernels
import LanguageModels
import Tensors

extension TuningBlock {
  /// Turns the gradient of the block's output, in `gradient[rows, hiddenSize]`, into that of its input, and adds to the
  /// gradient of the parameters.
  func backPropagate(
    _ gradient: UnsafeMutablePointer<Float>, hidden: UnsafePointer<Float>, rows: Int, angles: RotaryAngles,
    _ parameters: TunedParameters, tape: BlockTape
  ) {
    withScratch(count: rows * (3 * hiddenSize + 3 * feedForwardWidth)) { scratch in
      feedForwardGradient(gradient, rows: rows, parameters, tape, scratch)
    }
    withScratch(count: rows * (3 * hiddenSize + attention.mixedWidth + 2 * attention.stride)) { scratch in
      attentionGradient(gradient, hidden: hidden, rows: rows, angles: angles, parameters, tape, scratch)
    }
  }

  /// From the gradient of the output to that of the middle of the residual stream.
  private func feedForwardGradient(
    _ gradient: UnsafeMutablePointer<Float>, rows: Int, _ parameters: TunedParameters, _ tape: BlockTape,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let width = feedForwardWidth
    let normalized = scratch
    let dnormalized = normalized + rows * hiddenSize
    let dupdate = dnormalized + rows * hiddenSize
    let activated = dupdate + rows * hiddenSize
    let dgates = activated + rows * width

    activate(tape.gates.base, rows: rows, into: activated)
    let dy = updateGradient(
      feedForwardOutputNorm, tape.feedForwardUpdate, gradient, rows: rows, parameters, into: dupdate)
    withScratch(count: rows * width) { dactivated in
      feedForwardOutput.addGradient(
        activated, dy: dy, rows: rows, stride: hiddenSize, parameters, into: dactivated, adding: false)
      let slope = activation == .silu ? kernels.silu_gradient : kernels.gelu_gradient
      parallelFor(rows) { row in
        let (gate, dgate) = (tape.gates.base + row * 2 * width, dgates + row * 2 * width)
        slope(gate, gate + width, dactivated + row * width, width, dgate, dgate + width)
      }
    }
    feedForwardNorm.apply(
      tape.middle.base, rows: rows, stride: hiddenSize, parameters.values.base, into: normalized)
    for (index, projection) in feedForwardInputs.enumerated() {
      projection.addGradient(
        normalized, dy: dgates, rows: rows, stride: 2 * width, parameters, into: dnormalized, adding: index > 0)
    }
    feedForwardNorm.addGradient(
      tape.middle.base, dy: dnormalized, rows: rows, stride: hiddenSize, parameters, to: gradient)
  }

  /// From the gradient of the middle of the residual stream to that of the input.
  private func attentionGradient(
    _ gradient: UnsafeMutablePointer<Float>, hidden: UnsafePointer<Float>, rows: Int, angles: RotaryAngles,
    _ parameters: TunedParameters, _ tape: BlockTape, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let normalized = scratch
    let dnormalized = normalized + rows * hiddenSize
    let dupdate = dnormalized + rows * hiddenSize
    let dmixed = dupdate + rows * hiddenSize
    let dturned = dmixed + rows * attention.mixedWidth
    let dprojected = dturned + rows * attention.stride

    let dy = updateGradient(attentionOutputNorm, tape.attentionUpdate, gradient, rows: rows, parameters, into: dupdate)
    attentionOutput.addGradient(
      tape.mixed.base, dy: dy, rows: rows, stride: hiddenSize, parameters, into: dmixed, adding: false)
    attention.gradient(tape.turned.base, dmixed: dmixed, count: rows, into: dturned)
    angles.turn(dturned, rows: rows, attention, backwards: true)
    if let headNorms {
      let (width, queries, keys) = (attention.stride, attention.mixedWidth, attention.mixedWidth)
      for row in 0..<rows {
        let values = attention.keyValueHeadCount * attention.headDimension
        (dprojected + row * width).update(repeating: 0, count: width - values)
        (dprojected + (row + 1) * width - values).update(from: dturned + (row + 1) * width - values, count: values)
      }
      headNorms.query.addGradient(
        tape.projected.base, dy: dturned, rows: rows, perRow: attention.headCount, stride: width, parameters,
        to: dprojected)
      headNorms.key.addGradient(
        tape.projected.base + queries, dy: dturned + keys, rows: rows, perRow: attention.keyValueHeadCount,
        stride: width, parameters, to: dprojected + keys)
    }
    attentionNorm.apply(hidden, rows: rows, stride: hiddenSize, parameters.values.base, into: normalized)
    for (index, projection) in attentionInputs.enumerated() {
      projection.addGradient(
        normalized, dy: headNorms == nil ? dturned : dprojected, rows: rows, stride: attention.stride, parameters,
        into: dnormalized, adding: index > 0)
    }
    attentionNorm.addGradient(hidden, dy: dnormalized, rows: rows, stride: hiddenSize, parameters, to: gradient)
  }

  /// The gradient of what a layer gives out, behind a norm of it if there is one.
  private func updateGradient(
    _ norm: TunedNorm?, _ update: FloatBuffer, _ gradient: UnsafePointer<Float>, rows: Int,
    _ parameters: TunedParameters, into dupdate: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    guard let norm else { return gradient }
    dupdate.update(repeating: 0, count: rows * hiddenSize)
    norm.addGradient(update.base, dy: gradient, rows: rows, stride: hiddenSize, parameters, to: dupdate)
    return UnsafePointer(dupdate)
  }
}
