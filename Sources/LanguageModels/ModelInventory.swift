public import Checkpoints
import Tensors
import VectorQuantization

/// What a model's files hold, in numbers; no weight is read for them, only headers and codebooks' shapes.
public struct ModelInventory: Sendable {
  /// One matrix of a block.
  public struct Layer: Sendable {
    /// Its module, for instance `model.layers.0.self_attn.q_proj`.
    public let name: String
    /// `[outFeatures, inFeatures]`.
    public let shape: [Int]
    /// For instance `v4-k256-16`, or the storage type of a dense matrix.
    public let form: String
    /// All bits that are stored for it.
    public let storedBits: Int
    /// Whether it is vector-quantized.
    public let isQuantized: Bool
  }

  /// The matrices of all blocks.
  public let layers: [Layer]
  /// Weights of matrices, vectors, embedding and head.
  public let parameters: Int

  /// Counts what a folder holds.
  ///
  /// - Throws: what reading headers throws.
  public init(_ folder: ModelDirectory, configuration: ModelConfiguration) throws {
    let settings = try QuantizationSettings(folder.configuration)
    var layers: [Layer] = []
    var parameters = 0
    for block in 0..<configuration.layerCount {
      for linear in configuration.linears(ofBlock: block) {
        let module = "\(configuration.blockModule(block)).\(linear.name)"
        parameters += linear.shape.elementCount
        if folder.contains(module + ".centroids.weight") {
          let layer = try VectorQuantizedLinear(
            reading: folder, module: module, settings: settings?.settings(forModule: module),
            outFeatures: linear.shape[0], inFeatures: linear.shape[1])
          layers.append(
            Layer(
              name: module, shape: linear.shape.dimensions, form: Self.form(layer.settings),
              storedBits: layer.storedBits.total, isQuantized: true))
        } else {
          let weight = try folder.tensor(named: module + ".weight")
          layers.append(
            Layer(
              name: module, shape: linear.shape.dimensions, form: weight.dtype.rawValue,
              storedBits: weight.shape.elementCount * weight.dtype.byteCount * 8, isQuantized: false))
        }
      }
    }
    let known = Set(layers.map(\.name))
    for name in folder.tensorNames {
      let module = name.split(separator: ".").dropLast().joined(separator: ".")
      let parent =
        module.hasSuffix("centroids") ? String(module.dropLast(module.hasSuffix("res_centroids") ? 14 : 10)) : module
      if known.contains(module) || known.contains(parent) || known.contains(where: { name.hasPrefix($0 + ".") }) {
        continue
      }
      parameters += try folder.tensor(named: name).shape.elementCount
    }
    self.layers = layers
    self.parameters = parameters
  }

  private static func form(_ settings: LayerSettings) -> String {
    var form = "v\(settings.vectorLength)-k\(settings.centroidCount)-\(settings.residualCentroidCount)"
    if settings.outlierSize > 0 { form += " + \(settings.outlierSize) outlier columns" }
    if settings.groupCount > 1 { form += " in \(settings.groupCount) groups" }
    return form
  }

  private var quantized: [Layer] { layers.filter(\.isQuantized) }

  /// Weights in quantized matrices.
  public var quantizedParameters: Int { quantized.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  /// All stored bits of the quantized matrices (or of all matrices of a dense model) over their weights.
  public var bitsPerWeight: Double {
    let counted = quantized.isEmpty ? layers : quantized
    return Double(counted.reduce(0) { $0 + $1.storedBits })
      / Double(max(1, counted.reduce(0) { $0 + $1.shape.reduce(1, *) }))
  }
}
