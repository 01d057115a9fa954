package import Checkpoints
package import Tensors
package import VectorQuantization

/// Hands a model its parameters: dense or vector-quantized as the tensors present say.
package struct ParameterLoader: Sendable {
  package let source: any TensorSource
  package let settings: QuantizationSettings?
  /// Whether vector-quantized products use centroids and activations in float32 throughout.
  package let isExact: Bool

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
    return try tensor.floats()
  }

  /// The matrix `module.weight`, or its vector-quantized form; a bias where `bias` says so or one is stored.
  package func linear(_ module: String, outFeatures: Int, inFeatures: Int, bias: Bool) throws -> any Linear {
    let biasName = module + ".bias"
    if source.contains(module + ".centroids.weight") {
      let quantized = try VectorQuantizedLinear(
        reading: source, module: module, settings: settings?.settings(forModule: module), outFeatures: outFeatures,
        inFeatures: inFeatures)
      return try QuantizedLinear(quantized, isExact: isExact)
    }
    let weight = try dense(module + ".weight", shape: [outFeatures, inFeatures])
    let hasBias = bias || source.contains(biasName)
    return try DenseLinear(name: module, weight: weight, bias: hasBias ? vector(biasName, count: outFeatures) : nil)
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
