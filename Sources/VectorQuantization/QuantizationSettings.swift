public import JSONReader

/// Which layers of a model are vector-quantized and how: the quantization part of `config.json` (format section 2.1).
public struct QuantizationSettings: Sendable {
  /// Settings by full module name, for instance `model.layers.0.self_attn.q_proj`.
  public let layers: [String: LayerSettings]
  /// Settings by the last component of the module name, for instance `q_proj`.
  public let sharedLayers: [String: LayerSettings]
  /// Full names of modules that stay dense although a shared entry would match.
  public let modulesToNotConvert: [String]
  /// What a reader was asked to ignore, one sentence each.
  public let notes: [String]
  /// Full module names in the order of the configuration.
  public let moduleNames: [String]

  /// Settings of named layers, for writing.
  public init(layers: [(module: String, settings: LayerSettings)], modulesToNotConvert: [String] = []) {
    self.layers = Dictionary(layers.map { ($0.module, $0.settings) }) { _, last in last }
    moduleNames = layers.map(\.module)
    sharedLayers = [:]
    self.modulesToNotConvert = modulesToNotConvert
    notes = []
  }

  /// Reads the settings from the whole `config.json` in any of the four spellings, also below `text_config`; nil for
  /// a model that is not quantized.
  ///
  /// - Throws: `VectorQuantizationError`: `unsupported` for another quantization method, `badSettings` for an entry
  ///   that cannot be read.
  public init?(_ configuration: JSONValue) throws {
    let places = [configuration] + (configuration["text_config"].map { [$0] } ?? [])
    var found: (full: JSONValue?, shared: JSONValue?, whole: JSONValue)?
    for place in places where found == nil { found = try Self.locate(in: place) }
    guard let found else { return nil }
    var ignored: Set<String> = []
    let read = { (map: JSONValue?, ignored: inout Set<String>) throws -> [(String, LayerSettings)] in
      try (map?.objectValue ?? []).compactMap { name, value in
        guard value.objectValue != nil else { return nil }
        return (name, try LayerSettings(value, layer: name, ignoredKeys: &ignored))
      }
    }
    let full = try read(found.full, &ignored)
    layers = Dictionary(full) { first, _ in first }
    moduleNames = full.map(\.0)
    sharedLayers = Dictionary(try read(found.shared, &ignored)) { first, _ in first }
    modulesToNotConvert = (found.whole["modules_to_not_convert"]?.arrayValue ?? []).compactMap(\.stringValue)
    notes =
      ignored.isEmpty ? [] : ["ignored unknown keys of layer settings: \(ignored.sorted().joined(separator: ", "))"]
  }

  private static func locate(in place: JSONValue) throws -> (full: JSONValue?, shared: JSONValue?, whole: JSONValue)? {
    if let whole = place["quantization_config"], whole.objectValue != nil {
      if let method = whole["quant_method"]?.stringValue, method != "vptq" {
        // Matrices of 8-bit floats with a scale for each block are read as they are; nothing in them is vector-quantized.
        if method == "fp8", try isBlockScaled(whole) { return nil }
        throw VectorQuantizationError(
          .unsupported, "config.json: quantization method \"\(method)\" is not supported; \"vptq\" and \"fp8\" are")
      }
      let full = whole["config_for_layers"], shared = whole["shared_layer_config"]
      if holdsEntries(full) || holdsEntries(shared) { return (full, shared, whole) }
      if isFlatMap(whole) { return (whole, nil, whole) }
    }
    if let flat = place["quant_config"], isFlatMap(flat) { return (flat, nil, flat) }
    return nil
  }

  private static func isBlockScaled(_ settings: JSONValue) throws -> Bool {
    guard settings["weight_block_size"]?.arrayValue?.compactMap(\.intValue) == [128, 128] else {
      throw VectorQuantizationError(
        .unsupported, "config.json: fp8 weights are read with \"weight_block_size\": [128, 128] only")
    }
    return true
  }

  private static func holdsEntries(_ map: JSONValue?) -> Bool { map?.objectValue?.isEmpty == false }

  /// Whether some entry is the settings of a layer; the flat spellings mix them with other keys.
  private static func isFlatMap(_ map: JSONValue) -> Bool {
    map.objectValue?.contains { $0.value["vector_lens"] != nil } == true
  }

  /// The settings of one module: its own entry, else that of its last name component; nil if it stays dense.
  public func settings(forModule module: String) -> LayerSettings? {
    if modulesToNotConvert.contains(module) { return nil }
    if let own = layers[module] { return own }
    let last = module.split(separator: ".").last.map(String.init) ?? module
    return sharedLayers[last]
  }

  /// The value of `quantization_config`, in the current spelling.
  public var json: JSONValue {
    let object = { (names: [String], map: [String: LayerSettings]) -> JSONValue in
      .object(names.compactMap { name in map[name].map { (name, $0.json) } })
    }
    var entries: [(key: String, value: JSONValue)] = [
      ("quant_method", .string("vptq")),
      ("enable_proxy_error", .bool(false)),
      ("config_for_layers", object(moduleNames, layers)),
    ]
    if !sharedLayers.isEmpty {
      entries.append(("shared_layer_config", object(sharedLayers.keys.sorted(), sharedLayers)))
    }
    if !modulesToNotConvert.isEmpty {
      entries.append(("modules_to_not_convert", .array(modulesToNotConvert.map { .string($0) })))
    }
    return .object(entries)
  }
}
