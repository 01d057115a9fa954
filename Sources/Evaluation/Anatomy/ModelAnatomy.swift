package import Checkpoints
package import LanguageModels
package import Tensors
import VectorQuantization

/// Everything that a report tells about a model's files: matrix by matrix, byte by byte, code by code.
package struct ModelAnatomy: Sendable {
  /// One matrix of a block.
  package struct Matrix: Sendable {
    /// Its module.
    package let name: String
    /// The index of its block.
    package let block: Int
    /// Its name within the block without numbers of experts, for instance `q_proj` or `experts.up_proj`.
    package let kind: String
    /// For instance `v4-k256-16`, or the type of a dense matrix.
    package let form: String
    /// Weights.
    package let weights: Int
    /// All bits that are stored for it.
    package let storedBits: Int
    /// `tr(E H Eᵀ) / tr(W H Wᵀ)`, where `quantization.json` tells it.
    package let relativeError: Double?
    /// The least error after each step of the recipe, where `quantization.json` tells it.
    package let steps: [(name: String, relativeError: Double)]
    /// How its main codes use their centroids; nil for a dense matrix.
    package let mainUse: CodebookUse?
    /// How its residual codes use theirs; nil without a residual.
    package let residualUse: CodebookUse?
  }

  /// The folder's path.
  package let path: String
  /// The model's dimensions.
  package let configuration: ModelConfiguration
  /// The length of all weight files.
  package let fileBytes: Int
  /// Counts of layers and weights.
  package let inventory: ModelInventory
  /// In the order of the blocks.
  package let matrices: [Matrix]
  /// Bits of what is stored, by purpose; the sum is that of the files.
  package let partBits: [StoredPart: Int]
  /// Whether the errors are those before a tuning.
  package let wasTuned: Bool

  /// Reads a folder: headers, codebooks, `quantization.json` and, for their use, all codes.
  ///
  /// - Throws: what reading throws, or `CancellationError`.
  package init(
    _ folder: ModelDirectory, progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws {
    let configuration = try ModelConfiguration(folder)
    let inventory = try ModelInventory(folder, configuration: configuration)
    let errors = try StoredErrors(folder)
    let settings = try QuantizationSettings(folder.configuration)
    var layerSettings: [String: LayerSettings] = [:]
    var matrices: [Matrix] = []
    let places = (0..<configuration.layerCount).flatMap { block in
      configuration.linears(ofBlock: block).map { (block: block, linear: $0) }
    }
    for (index, (place, layer)) in zip(places, inventory.layers).enumerated() {
      if isCancelled() { throw CancellationError() }
      var (main, residual): (CodebookUse?, CodebookUse?)
      if layer.isQuantized {
        let quantized = try VectorQuantizedLinear(
          reading: folder, module: layer.name, settings: settings?.settings(forModule: layer.name),
          outFeatures: layer.shape[0], inFeatures: layer.shape[1])
        layerSettings[layer.name] = quantized.settings
        let counts = quantized.codeCounts()
        main = CodebookUse(counts.main, bitsPerCode: quantized.settings.mainBits)
        residual = counts.residual.map { CodebookUse($0, bitsPerCode: quantized.settings.residualBits) }
        progress.report(
          "counting codes", detail: layer.name, completed: index + 1, total: places.count, unit: .items("matrices"))
      }
      let error = errors?.matrices[layer.name]
      matrices.append(
        Matrix(
          name: layer.name, block: place.block, kind: Self.kind(place.linear.name), form: layer.form,
          weights: layer.shape.reduce(1, *), storedBits: layer.storedBits, relativeError: error?.relativeError,
          steps: error?.steps ?? [], mainUse: main, residualUse: residual))
    }
    path = folder.path
    fileBytes = folder.fileBytes
    self.configuration = configuration
    self.inventory = inventory
    self.matrices = matrices
    partBits = try StoredPartSizes(
      folder, configuration: configuration, settings: layerSettings,
      dense: Set(inventory.layers.filter { !$0.isQuantized }.map(\.name))
    ).bits
    wasTuned = errors?.wasTuned ?? false
  }

  /// `self_attn.q_proj` as `q_proj`, `mlp.experts.17.up_proj` as `experts.up_proj`.
  static func kind(_ name: String) -> String {
    var parts = name.split(separator: ".").filter { Int($0) == nil }
    if parts.count > 1, ["self_attn", "mlp", "block_sparse_moe"].contains(parts[0]) { parts.removeFirst() }
    return parts.joined(separator: ".")
  }
}
