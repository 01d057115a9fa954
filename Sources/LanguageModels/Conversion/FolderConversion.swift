public import Checkpoints
import JSONReader
public import Tensors
import VectorQuantization

/// Rewrites a quantized folder: as dense weights, or without permutations.
public struct FolderConversion: Sendable {
  /// The folder to read.
  public let model: ModelDirectory
  /// The folder to write.
  public let output: String

  /// A conversion from one folder to another; nothing is read or written yet.
  public init(model: ModelDirectory, output: String) {
    self.model = model
    self.output = output
  }

  /// Writes every tensor dense, floating ones as `dtype`; `quantization_config` is dropped.
  ///
  /// Quantized matrices are decoded in float32 and rounded once.
  public func writeDense(as dtype: DType, _ progress: any ProgressListener) throws {
    let modules = try quantizedModules()
    var plan: [(name: String, shape: Shape, dtype: DType, module: String?)] = []
    for (module, shape) in modules { plan.append((module + ".weight", shape, dtype, module)) }
    let plain = PlainTensors(model, decodedType: dtype)
    for name in plain.tensorNames where !belongs(name, to: modules) {
      let (stored, shape) = try plain.declaration(of: name)
      plan.append((name, shape, FloatConversion.canWiden(stored) ? dtype : stored, nil))
    }
    for module in modules.keys where model.contains(module + ".bias") {
      plan.append((module + ".bias", try model.tensor(named: module + ".bias").shape, dtype, nil))
    }
    plan.sort { $0.name < $1.name }
    try write(plan.map { ($0.name, $0.dtype, $0.shape) }, progress) { index in
      let entry = plan[index]
      if let module = entry.module {
        return Tensor(
          try layer(module, entry.shape).dequantized(roundingTo: nil), shape: entry.shape, dtype: entry.dtype)
      }
      let tensor = try plain.tensor(named: entry.name)
      return FloatConversion.canWiden(tensor.dtype) && tensor.dtype != entry.dtype
        ? Tensor(try tensor.floats(), shape: tensor.shape, dtype: entry.dtype) : tensor
    }
    var entries = (model.configuration.objectValue ?? []).filter {
      !["quantization_config", "quant_config", "torch_dtype", "dtype"].contains($0.key)
    }
    entries.append(("torch_dtype", .string(dtype.configurationName ?? "float32")))
    try finish(.object(entries))
  }

  /// Writes a quantized model with the permutation of each layer folded into its codes (format section 9).
  ///
  /// Layers with groups or outlier columns keep theirs.
  public func absorbPermutations(_ progress: any ProgressListener) throws {
    let modules = try quantizedModules()
    guard !modules.isEmpty else {
      throw LanguageModelError(.badInput, "\(model.path) has no quantized layer; there is no permutation to absorb")
    }
    var tensors: [(name: String, tensor: Tensor)] = []
    var settings: [(module: String, settings: LayerSettings)] = []
    for (module, shape) in modules.sorted(by: { $0.key < $1.key }) {
      let stored = try layer(module, shape)
      let plain =
        try stored.settings.groupCount == 1 && stored.settings.outlierSize == 0
        ? stored.absorbingPermutation() : stored
      tensors += plain.tensors().map { ("\(module).\($0.name)", $0.tensor) }
      settings.append((module, plain.settings))
    }
    for name in model.tensorNames where !belongs(name, to: modules) {
      tensors.append((name, try model.tensor(named: name)))
    }
    tensors.sort { $0.name < $1.name }
    try write(tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) }, progress) { tensors[$0].tensor }
    var entries = (model.configuration.objectValue ?? []).filter {
      $0.key != "quantization_config" && $0.key != "quant_config"
    }
    entries.append(("quantization_config", QuantizationSettings(layers: settings).json))
    try finish(.object(entries))
  }

  private func quantizedModules() throws -> [String: Shape] {
    let configuration = try ModelConfiguration(model)
    var modules: [String: Shape] = [:]
    for block in 0..<configuration.layerCount {
      for linear in configuration.linears(ofBlock: block) {
        let module = "\(configuration.blockModule(block)).\(linear.name)"
        if model.contains(module + ".centroids.weight") { modules[module] = linear.shape }
      }
    }
    return modules
  }

  private func belongs(_ name: String, to modules: [String: Shape]) -> Bool {
    // The tensors of a module are named below it, one component deeper or two.
    let parts = name.split(separator: ".")
    return [1, 2].contains { modules[parts.dropLast($0).joined(separator: ".")] != nil }
  }

  private func layer(_ module: String, _ shape: Shape) throws -> VectorQuantizedLinear {
    try VectorQuantizedLinear(
      reading: model, module: module, settings: QuantizationSettings(model.configuration)?.settings(forModule: module),
      outFeatures: shape[0], inFeatures: shape[1])
  }

  private func write(
    _ declarations: [(String, DType, Shape)], _ progress: any ProgressListener, tensor: (Int) throws -> Tensor
  ) throws {
    let writer = try CheckpointWriter(folder: output, declarations: declarations)
    for (index, declaration) in declarations.enumerated() {
      try writer.write(declaration.0, try tensor(index))
      progress.report("writing \(output)", completed: index + 1, total: declarations.count, unit: .items("tensors"))
    }
    try AtomicFile.remove(output + "/config.json")
    try writer.finish()
  }

  private func finish(_ configuration: JSONValue) throws {
    try model.copyCompanions(to: output)
    try AtomicFile.write([UInt8](configuration.serialized(pretty: true).utf8), to: output + "/config.json")
  }
}
