import ArgumentParser
import Checkpoints
import Evaluation
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
    discussion: """
      Examples:
        vptq inspect smollm2-3bit --layers
        vptq inspect smollm2-3bit --report smollm2-3bit.html
      """)

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Flag(help: "One line for every matrix of the blocks.")
  var layers = false

  @Flag(help: "Which other programs can run this folder, and if not, why.")
  var compatibility = false

  @Option(
    help: ArgumentHelp(
      "Also write a page with charts: bits and errors by block and kind of matrix, where the bytes go, use of the codebooks.",
      valueName: "file.html"))
  var report: String?

  @OptionGroup var common: CommonOptions

  func run() async throws {
    common.apply()
    if let report { try ReportOutput.check(report) }
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    let configuration = try ModelConfiguration(folder)
    let inspection = try Inspection(folder, configuration: configuration)
    let readers =
      compatibility ? CompatibilityReport(entries: Compatibility.all(of: try StoredModelForm(folder))) : nil
    if let report { try write(report, folder) }
    if common.json {
      var document = inspection.json.objectValue ?? []
      if let readers { document.append(("compatibility", readers.json)) }
      if let report { document.append(("report", .string(report))) }
      print(JSONValue.object(document).serialized(pretty: true))
    } else {
      inspection.show(layers: layers)
      readers?.show(layers: layers)
    }
  }

  private func write(_ report: String, _ folder: ModelDirectory) throws {
    let interruption = Interruption()
    let progress = ConsoleProgress(quiet: common.quiet)
    let anatomy = try ModelAnatomy(folder, progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    let file = InspectionReport(anatomy, name: model).file
    try file.write(to: report)
    if !common.quiet { Console.writeError("wrote \(report) (\(Console.size(file.html.utf8.count)))") }
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
