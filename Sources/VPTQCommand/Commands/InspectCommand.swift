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

/// The facts that `inspect` reports.
struct Inspection {
  let folder: ModelDirectory
  let configuration: ModelConfiguration
  let inventory: ModelInventory

  init(_ folder: ModelDirectory, configuration: ModelConfiguration) throws {
    self.folder = folder
    self.configuration = configuration
    inventory = try ModelInventory(folder, configuration: configuration)
  }

  private var layers: [ModelInventory.Layer] { inventory.layers }
  private var parameters: Int { inventory.parameters }
  private var quantizedParameters: Int { inventory.quantizedParameters }
  private var bitsPerWeight: Double { inventory.bitsPerWeight }

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
