import ArgumentParser
import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors
import VectorQuantization

/// `vptq inspect`: what is inside a model folder.
struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what is inside a model: architecture, layers, codebooks, stored bits.",
    discussion: "Example:\n  vptq inspect smollm2-3bit --layers")

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Flag(help: "One line for every matrix of the blocks.")
  var layers = false

  @Flag(help: "Which other programs can run this folder, and if not, why.")
  var compatibility = false

  @OptionGroup var common: CommonOptions

  func run() async throws {
    common.apply()
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    let configuration = try ModelConfiguration(folder)
    let inspection = try Inspection(folder, configuration: configuration)
    let report =
      compatibility ? CompatibilityReport(entries: Compatibility.all(of: try StoredModelForm(folder))) : nil
    if common.json {
      var document = inspection.json.objectValue ?? []
      if let report { document.append(("compatibility", report.json)) }
      print(JSONValue.object(document).serialized(pretty: true))
    } else {
      inspection.show(layers: layers)
      report?.show(layers: layers)
    }
  }
}

/// The facts that `inspect` reports; no weight is read for them, only headers and codebooks' shapes.
struct Inspection {
  /// One matrix of a block.
  struct Layer {
    let name: String
    let shape: [Int]
    /// For instance `v4-k256-16`, or the storage type of a dense matrix.
    let form: String
    let storedBits: Int
    let isQuantized: Bool
  }

  let folder: ModelDirectory
  let configuration: ModelConfiguration
  let layers: [Layer]
  let parameters: Int

  init(_ folder: ModelDirectory, configuration: ModelConfiguration) throws {
    self.folder = folder
    self.configuration = configuration
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
  var quantizedParameters: Int { quantized.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  /// All stored bits of the quantized matrices (or of all matrices of a dense model) over their weights.
  var bitsPerWeight: Double {
    let counted = quantized.isEmpty ? layers : quantized
    return Double(counted.reduce(0) { $0 + $1.storedBits })
      / Double(max(1, counted.reduce(0) { $0 + $1.shape.reduce(1, *) }))
  }

  var json: JSONValue {
    .object([
      ("architecture", .string(configuration.architecture)), ("parameters", .integer(parameters)),
      ("quantized_parameters", .integer(quantizedParameters)), ("bits_per_weight", .number(bitsPerWeight)),
      ("file_bytes", .integer(folder.fileBytes)),
      (
        "layers",
        .array(
          layers.map { layer in
            .object([
              ("name", .string(layer.name)), ("shape", .array(layer.shape.map(JSONValue.integer))),
              ("preset", .string(layer.form)),
              ("bits_per_weight", .number(Double(layer.storedBits) / Double(layer.shape.reduce(1, *)))),
            ])
          })
      ),
    ])
  }

  func show(layers showLayers: Bool) {
    let c = configuration
    print("\(folder.path): \(c.architecture), \(Console.size(folder.fileBytes))")
    print(
      "  \(c.layerCount) blocks, width \(c.hiddenSize), feed-forward \(c.intermediateSize), "
        + "\(c.headCount) heads (\(c.keyValueHeadCount) for keys and values) of \(c.headDimension)")
    if let experts = c.experts {
      print(
        "  \(experts.blocks) blocks with \(experts.count) experts, \(experts.perToken) for each token"
          + (experts.hasShared ? " and a shared one" : ""))
    }
    print("  vocabulary \(c.vocabularySize)\(c.tiedEmbeddings ? " (tied head)" : ""), context \(c.maximumPositions)")
    print("  \(parameters) parameters, \(quantizedParameters) of them quantized")
    print("  \(Console.fixed(bitsPerWeight, 3)) bits per weight as stored in the matrices of the blocks")
    var forms: [String: Int] = [:]
    for layer in layers { forms[layer.form, default: 0] += 1 }
    for (form, count) in forms.sorted(by: { $0.key < $1.key }) { print("  \(count) x \(form)") }
    if showLayers {
      for layer in layers {
        let bits = Double(layer.storedBits) / Double(layer.shape.reduce(1, *))
        print("  \(layer.name)  \(layer.shape[0])x\(layer.shape[1])  \(layer.form)  \(Console.fixed(bits, 3)) bits")
      }
    }
  }
}
