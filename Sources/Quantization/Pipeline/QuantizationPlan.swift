import Checkpoints
import Foundation
import VectorQuantization
public import LanguageModels
public import Tensors

/// What is to be done to one matrix.
public struct MatrixPlan: Sendable {
  /// Full module name, for instance `model.layers.0.self_attn.q_proj`.
  public let module: String
  /// Block index.
  public let block: Int
  /// Name below the block.
  public let name: String
  /// Which input of the block the matrix reads.
  public let input: LinearInput
  /// An input that stands in where no calibration token reaches `input`.
  public let substitute: LinearInput?
  /// `[outFeatures, inFeatures]`.
  public let shape: Shape
  /// How it is quantized.
  public private(set) var recipe: QuantizationRecipe
  /// Whether an override chose the recipe, so that no allocation of bits may change it.
  public let isFixed: Bool
  /// Bits of codes, codebooks, scale, shift and permutation on disk (format section 10).
  public private(set) var storedBits: Int

  init(_ linear: BlockLinear, module: String, block: Int, recipe: QuantizationRecipe, isFixed: Bool) throws {
    self.isFixed = isFixed
    self.module = module
    self.block = block
    name = linear.name
    input = linear.input
    substitute = linear.substitute
    shape = linear.shape
    self.recipe = recipe
    storedBits = try Self.storedBits(shape, recipe, module)
  }

  private static func storedBits(_ shape: Shape, _ recipe: QuantizationRecipe, _ module: String) throws -> Int {
    try recipe.settings(outFeatures: shape[0], inFeatures: shape[1], module: module, bias: false).storedBits(
      outFeatures: shape[0], inFeatures: shape[1], dtype: recipe.storageType
    ).total
  }

  /// All stored bits over the weights.
  public var bitsPerWeight: Double { Double(storedBits) / Double(shape.elementCount) }

  /// The same matrix with another recipe.
  func with(_ recipe: QuantizationRecipe) throws -> MatrixPlan {
    var plan = self
    plan.recipe = recipe
    plan.storedBits = try Self.storedBits(shape, recipe, module)
    return plan
  }

  /// The matrix's entry in the configuration of the finished model.
  func settings(in model: ModelDirectory) throws -> LayerSettings {
    try recipe.settings(
      outFeatures: shape[0], inFeatures: shape[1], module: module, bias: model.contains(module + ".bias"))
  }
}

extension [MatrixPlan] {
  /// The inputs that a block's matrices read or may fall back on, with their widths.
  var inputWidths: [LinearInput: Int] {
    var widths: [LinearInput: Int] = [:]
    for matrix in self {
      widths[matrix.input] = matrix.shape[1]
      if let substitute = matrix.substitute { widths[substitute] = matrix.shape[1] }
    }
    return widths
  }
}

/// Which matrices of a model are quantized, and how: made before any weight is read.
public struct QuantizationPlan: Sendable {
  /// A recipe for the modules whose full name a pattern matches; later rules win.
  public struct Override: Sendable {
    /// A regular expression, searched for anywhere in the module name.
    public let pattern: String
    /// The recipe of these modules.
    public let recipe: QuantizationRecipe

    /// A rule of `--override 'REGEX=PRESET'`.
    public init(pattern: String, recipe: QuantizationRecipe) {
      self.pattern = pattern
      self.recipe = recipe
    }
  }

  /// The matrices in the order of the work.
  public let matrices: [MatrixPlan]

  /// Plans every linear layer of every block, except those whose name matches one of `skip`.
  ///
  /// - Throws: `QuantizationError` (`invalidRecipe`) that names a pattern that is no regular expression, or a layer that its
  ///   recipe does not fit.
  public init(
    configuration: ModelConfiguration, recipe: QuantizationRecipe, overrides: [Override] = [], skip: [String] = []
  ) throws {
    let skipPatterns = try skip.map { try Self.expression($0, option: "--skip") }
    let rules = try overrides.map { (try Self.expression($0.pattern, option: "--override"), $0.recipe) }
    var matrices: [MatrixPlan] = []
    for block in 0..<configuration.layerCount {
      for linear in configuration.linears(ofBlock: block) {
        let module = "\(configuration.blockModule(block)).\(linear.name)"
        if skipPatterns.contains(where: { Self.matches($0, module) }) { continue }
        let rule = rules.last { Self.matches($0.0, module) }
        var chosen = rule?.1 ?? recipe
        // Codebooks take the model's own 16-bit type, as the format has it.
        chosen.storageType = configuration.dtype == .bfloat16 ? .bfloat16 : .float16
        matrices.append(try MatrixPlan(linear, module: module, block: block, recipe: chosen, isFixed: rule != nil))
      }
    }
    guard !matrices.isEmpty else {
      throw QuantizationError(.invalidRecipe, "--skip leaves no matrix to quantize")
    }
    self.matrices = matrices
  }

  init(matrices: [MatrixPlan]) { self.matrices = matrices }

  /// Weights in all planned matrices.
  public var weightCount: Int { matrices.reduce(0) { $0 + $1.shape.elementCount } }

  /// Bits that all planned matrices will take on disk, over their weights.
  public var bitsPerWeight: Double {
    Double(matrices.reduce(0) { $0 + $1.storedBits }) / Double(weightCount)
  }

  private static func expression(_ pattern: String, option: String) throws -> NSRegularExpression {
    do {
      return try NSRegularExpression(pattern: pattern)
    } catch {
      throw QuantizationError(.invalidRecipe, "\(option): \"\(pattern)\" is not a regular expression")
    }
  }

  private static func matches(_ expression: NSRegularExpression, _ text: String) -> Bool {
    expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}
