package import Checkpoints
package import Tensors
package import VectorQuantization

/// Hands a model its parameters: dense or vector-quantized as the tensors present say.
package struct ParameterLoader: Sendable {
  package let source: any TensorSource
  package let settings: QuantizationSettings?
  /// Whether vector-quantized products use centroids and activations in float32 throughout.
  package let isExact: Bool

  /// Where layers are noted whose run-time forms can be made together.
  var preparation: LayerPreparation?
  /// Where matrices are noted with what they take.
  var census: WeightCensus?
  /// Which of them are left on disk, where not all fit.
  var placement: WeightPlacement?

  package init(source: any TensorSource, settings: QuantizationSettings?, isExact: Bool = false) {
    self.source = source
    self.settings = settings
    self.isExact = isExact
  }

  /// The vector `name` of `count` values, widened to Float.
  package func vector(_ name: String, count: Int) throws -> [Float] {
    let tensor = try source.tensor(named: name)
    guard tensor.shape == [count] else {
      throw LanguageModelError(.badTensor, "\(name) has shape \(tensor.shape); this model needs [\(count)]")
    }
    return try floats(of: tensor, name)
  }

  /// The values of a tensor of a floating type.
  private func floats(of tensor: Tensor, _ name: String) throws -> [Float] {
    guard FloatConversion.canWiden(tensor.dtype) else {
      throw LanguageModelError(
        .badTensor, "\(name) is \(tensor.dtype.rawValue); a floating type of 16 bits or more is needed")
    }
    return try tensor.floats()
  }

  /// The matrix `module.weight`, or its vector-quantized form; a bias where `bias` says so or one is stored.
  package func linear(_ module: String, outFeatures: Int, inFeatures: Int, bias: Bool) throws -> any Linear {
    let isExpert = module.contains(".experts.")
    let isStreamed = placement?.isStreamed(module) == true
    func placed(_ linear: any Linear, _ tensors: [Tensor]) -> any Linear {
      guard let placement, isStreamed else { return linear }
      return StreamedLinear(
        linear: linear, tensors: tensors, stream: placement.stream,
        index: isExpert ? nil : placement.stream.add(tensors))
    }
    if source.contains(module + ".centroids.weight") {
      let stored = try quantized(module, outFeatures: outFeatures, inFeatures: inFeatures)
      let memory = VectorQuantizedKernel.memory(of: stored, isExact: isExact)
      census?.add(.init(module: module, bytes: memory.all, kept: memory.tables, isExpert: isExpert))
      let layer = QuantizedLinear(stored, isExact: isExact, keepsCodes: !isStreamed)
      // Of the experts few may ever be asked.
      if !isExpert, !isStreamed { preparation?.add(layer) }
      return placed(layer, [stored.indices.tensor])
    }
    let biasName = module + ".bias"
    let values = bias || source.contains(biasName) ? try vector(biasName, count: outFeatures) : nil
    let weight = try dense(module + ".weight", shape: [outFeatures, inFeatures])
    census?.add(
      .init(module: module, bytes: weight.shape.elementCount * weight.dtype.byteCount, kept: 0, isExpert: isExpert))
    if BlockScales.apply(to: weight) {
      return placed(
        BlockScaledLinear(weight: weight, scales: try BlockScales(module, of: weight, in: source), bias: values),
        [weight])
    }
    return placed(try DenseLinear(name: module, weight: weight, bias: values), [weight])
  }

  /// The same matrix decoded to float32, `[outFeatures, inFeatures]`, whatever form it is stored in.
  package func floats(_ module: String, outFeatures: Int, inFeatures: Int) throws -> [Float] {
    if source.contains(module + ".centroids.weight") {
      return try quantized(module, outFeatures: outFeatures, inFeatures: inFeatures).dequantized(roundingTo: nil)
    }
    let weight = try dense(module + ".weight", shape: [outFeatures, inFeatures])
    return BlockScales.apply(to: weight)
      ? try BlockScales.floats(module, weight, in: source) : try floats(of: weight, module + ".weight")
  }

  /// The matrix `module.weight`, `[outFeatures, inFeatures]`, of a floating type: as it is stored, or decoded to float32 from
  /// another form.
  package func floatingMatrix(_ module: String, outFeatures: Int, inFeatures: Int) throws -> Tensor {
    let shape: Shape = [outFeatures, inFeatures]
    if !source.contains(module + ".centroids.weight") {
      let stored = try dense(module + ".weight", shape: shape)
      if FloatConversion.canWiden(stored.dtype) { return stored }
    }
    return Tensor(try floats(module, outFeatures: outFeatures, inFeatures: inFeatures), shape: shape)
  }

  private func quantized(_ module: String, outFeatures: Int, inFeatures: Int) throws -> VectorQuantizedLinear {
    try VectorQuantizedLinear(
      reading: source, module: module, settings: settings?.settings(forModule: module), outFeatures: outFeatures,
      inFeatures: inFeatures)
  }

  /// A stored matrix of exactly this shape.
  package func dense(_ name: String, shape: Shape) throws -> Tensor {
    let tensor = try source.tensor(named: name)
    guard tensor.shape == shape else {
      throw LanguageModelError(.badTensor, "\(name) has shape \(tensor.shape); this model needs \(shape)")
    }
    return tensor
  }
}
