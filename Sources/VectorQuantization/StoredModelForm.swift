public import Checkpoints
import JSONReader
public import Tensors

/// What decides whether another program can read a model folder: its settings as stated and its tensors as stored.
public struct StoredModelForm: Sendable {
  /// The class that `config.json` names, or an empty string.
  public var architecture: String
  /// Whether the output head is the embedding and no head is stored.
  public var headIsAbsent: Bool
  /// Whether the settings stand in `quantization_config` by full name or by shared name, as current readers expect.
  public var hasCurrentSpelling: Bool
  /// The vector-quantized layers, sorted by name.
  public var layers: [StoredLayerForm]

  /// Whether any layer is vector-quantized.
  public var isQuantized: Bool { !layers.isEmpty }

  /// A model of these facts.
  public init(
    architecture: String, headIsAbsent: Bool = false, hasCurrentSpelling: Bool = true, layers: [StoredLayerForm] = []
  ) {
    self.architecture = architecture
    self.headIsAbsent = headIsAbsent
    self.hasCurrentSpelling = hasCurrentSpelling
    self.layers = layers
  }

  /// Reads the facts of a folder from its configuration and the headers of its tensors.
  ///
  /// - Throws: `VectorQuantizationError` for quantized tensors without settings or with settings that cannot be read.
  public init(_ folder: ModelDirectory) throws {
    let json = folder.configuration
    architecture = json["architectures"]?.arrayValue?.first?.stringValue ?? ""
    headIsAbsent = !folder.contains("lm_head.weight")
    let stated = json["quantization_config"]
    hasCurrentSpelling =
      stated?["quant_method"]?.stringValue == "vptq"
      && [stated?["config_for_layers"], stated?["shared_layer_config"]].contains { $0?.objectValue?.isEmpty == false }
    let settings = try QuantizationSettings(json)
    let suffix = ".centroids.weight"
    layers = try folder.tensorNames.filter { $0.hasSuffix(suffix) }.map { name in
      let module = String(name.dropLast(suffix.count))
      guard let own = settings?.settings(forModule: module) else {
        throw VectorQuantizationError(
          .missingSettings, "\(module) holds vector-quantized tensors, but config.json has no settings for it")
      }
      let last = module.split(separator: ".").last.map(String.init) ?? module
      let entry = stated?["config_for_layers"]?[module] ?? stated?["shared_layer_config"]?[last]
      return try StoredLayerForm(
        reading: folder, module: module, settings: own, statedKeys: Set(entry?.objectValue?.map(\.key) ?? []))
    }
  }
}

/// The form of one vector-quantized layer.
public struct StoredLayerForm: Sendable {
  /// The module's full name.
  public var module: String
  /// The settings with the group size filled in; `isPacked` as the tensors are.
  public var settings: LayerSettings
  /// Width of the output (`O`).
  public var outFeatures: Int
  /// Width of the input (`I`).
  public var inFeatures: Int
  /// The type of the centroids.
  public var dtype: DType
  /// The keys of the layer's entry in `config.json`.
  public var statedKeys: Set<String>
  /// Whether the entry leaves the group size to the reader.
  public var leavesGroupSizeOpen: Bool

  /// A layer with the settings that this package writes.
  ///
  /// - Throws: `VectorQuantizationError` for settings that do not fit the dimensions.
  public init(
    module: String, settings: LayerSettings, outFeatures: Int, inFeatures: Int, dtype: DType = .float16,
    statedKeys: Set<String>? = nil
  ) throws {
    self.module = module
    self.settings = try settings.resolved(outFeatures: outFeatures, inFeatures: inFeatures, layer: module)
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.dtype = dtype
    self.statedKeys = statedKeys ?? Set(self.settings.json.objectValue?.map(\.key) ?? [])
    leavesGroupSizeOpen = false
  }

  init(reading folder: ModelDirectory, module: String, settings: LayerSettings, statedKeys: Set<String>) throws {
    let centroids = try folder.tensor(named: module + ".centroids.weight")
    let indices = try folder.tensor(named: module + ".indices")
    func length(_ name: String) throws -> Int? {
      folder.contains("\(module).\(name)") ? try folder.tensor(named: "\(module).\(name)").shape.elementCount : nil
    }
    var stored = settings
    stored.isPacked = indices.dtype == .int32
    let rows = indices.shape.rank == 3 ? indices.shape[1] * settings.vectorLength : nil
    let columns = try length("perm") ?? (settings.normAxis == .input ? length("weight_scale") : nil)
    guard let outputs = settings.outFeatures ?? rows, let inputs = settings.inFeatures ?? columns else {
      throw VectorQuantizationError(
        .missingSettings, "\(module): config.json must state in_features and out_features to judge this layer")
    }
    try self.init(
      module: module, settings: stored, outFeatures: outputs, inFeatures: inputs, dtype: centroids.dtype,
      statedKeys: statedKeys)
    leavesGroupSizeOpen = settings.groupSize < 0
  }
}
