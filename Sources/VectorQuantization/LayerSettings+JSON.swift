public import JSONReader

extension LayerSettings {
  /// Reads the settings of `layer` with the tolerance of format section 2.2.
  ///
  /// Unknown keys are ignored and added to `ignoredKeys`; null stands for an absent key.
  ///
  /// - Throws: `VectorQuantizationError` (`badSettings`, `unsupported`) that names the layer, the key and what it
  ///   should be.
  public init(_ json: JSONValue, layer: String, ignoredKeys: inout Set<String>) throws {
    let reader = SettingsReader(json: json, layer: layer)
    let vectorLengths = try reader.pair("vector_lens")
    let centroids = try reader.pair("num_centroids")
    let residuals = try reader.pair("num_res_centroids")
    let outlierSize = try reader.integer("outlier_size") ?? 0
    guard residuals.outlier <= 0 || outlierSize <= 0 else {
      throw VectorQuantizationError(
        .unsupported, "\(layer): num_res_centroids \(residuals.outlier) for outliers is not part of the format")
    }
    let dimension = json["vector_quant_dim"]?.stringValue ?? "out"
    guard dimension == "out" else {
      throw VectorQuantizationError(
        .unsupported, "\(layer): vector_quant_dim is \"\(dimension)\"; only \"out\" exists in the format")
    }
    let axis = try reader.integer("norm_dim") ?? 0
    guard let normAxis = NormAxis(rawValue: axis) else {
      throw Self.error(layer, "norm_dim \(axis) must be 0 or 1")
    }
    let hasOutliers = outlierSize != 0
    self.init(
      vectorLength: vectorLengths.main, centroidCount: centroids.main,
      residualCentroidCount: max(residuals.main, 0), outlierVectorLength: hasOutliers ? vectorLengths.outlier : 0,
      outlierCentroidCount: hasOutliers ? centroids.outlier : 0, outlierSize: outlierSize,
      groupCount: try reader.integer("group_num") ?? 1, groupSize: try reader.integer("group_size") ?? -1,
      normEnabled: try reader.flag("enable_norm"), normAxis: normAxis,
      permutationEnabled: try reader.flag("enable_perm"), isPacked: try reader.flag("is_indice_packed"),
      indicesAsFloat: try reader.flag("indices_as_float"), bias: try reader.flag("bias", listMeansTrue: true),
      inFeatures: try reader.integer("in_features").flatMap { $0 > 0 ? $0 : nil },
      outFeatures: try reader.integer("out_features").flatMap { $0 > 0 ? $0 : nil })
    try check(layer: layer)
    for (key, _) in json.objectValue ?? [] where !Self.knownKeys.contains(key) {
      ignoredKeys.insert(key)
    }
  }

  /// Keys that are read or carry nothing for a reader.
  private static let knownKeys: Set<String> = [
    "in_features", "out_features", "vector_lens", "num_centroids", "num_res_centroids", "group_num", "group_size",
    "outlier_size", "enable_norm", "norm_dim", "enable_perm", "is_indice_packed", "indices_as_float", "bias",
    "vector_quant_dim", "debug", "device", "dtype",
  ]

  /// The settings as every released reader of the format accepts them.
  ///
  /// `norm_dim` is written only where it is not 0: the reference package refuses the key.
  public var json: JSONValue {
    let pair = { (outlier: Int, main: Int) -> JSONValue in
      .array([.integer(outlier > 0 ? outlier : -1), .integer(main > 0 ? main : -1)])
    }
    var entries: [(key: String, value: JSONValue)] = []
    entries.append(("bias", .bool(bias)))
    entries.append(("enable_norm", .bool(normEnabled)))
    entries.append(("enable_perm", .bool(permutationEnabled)))
    entries.append(("group_num", .integer(groupCount)))
    entries.append(("group_size", .integer(groupSize)))
    if let inFeatures { entries.append(("in_features", .integer(inFeatures))) }
    entries.append(("indices_as_float", .bool(indicesAsFloat)))
    entries.append(("is_indice_packed", .bool(isPacked)))
    entries.append(("num_centroids", pair(outlierCentroidCount, centroidCount)))
    entries.append(("num_res_centroids", pair(-1, residualCentroidCount)))
    if let outFeatures { entries.append(("out_features", .integer(outFeatures))) }
    entries.append(("outlier_size", .integer(outlierSize)))
    entries.append(("vector_lens", pair(outlierVectorLength, vectorLength)))
    entries.append(("vector_quant_dim", .string("out")))
    if normAxis == .output { entries.append(("norm_dim", .integer(normAxis.rawValue))) }
    return .object(entries)
  }
}

/// Typed access to the entries of one layer's settings.
private struct SettingsReader {
  let json: JSONValue
  let layer: String

  func integer(_ key: String) throws -> Int? {
    guard let value = present(key) else { return nil }
    guard let integer = value.intValue else { throw LayerSettings.error(layer, "\(key) must be a whole number") }
    return integer
  }

  func pair(_ key: String) throws -> (outlier: Int, main: Int) {
    guard let items = present(key)?.arrayValue, items.count == 2, let outlier = items[0].intValue,
      let main = items[1].intValue
    else {
      throw LayerSettings.error(layer, "\(key) must be a list of two whole numbers, outliers first")
    }
    return (outlier, main)
  }

  /// `listMeansTrue`: some releases wrote the values of the bias in place of `true`.
  func flag(_ key: String, listMeansTrue: Bool = false) throws -> Bool {
    guard let value = present(key) else { return false }
    if let flag = value.boolValue { return flag }
    if let integer = value.intValue { return integer != 0 }
    if listMeansTrue, value.arrayValue != nil { return true }
    throw LayerSettings.error(layer, "\(key) must be true or false")
  }

  private func present(_ key: String) -> JSONValue? {
    guard let value = json[key] else { return nil }
    if case .null = value { return nil }
    return value
  }
}
