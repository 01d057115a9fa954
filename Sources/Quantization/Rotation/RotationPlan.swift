import Checkpoints
import LanguageModels
import Tensors

/// What happens to each tensor of a model when its residual stream or its values are turned.
///
/// With `x' = x Rᵣ` in the residual stream, the embedding and all matrices that write to the stream turn on that side, those
/// that read from it on the other, after taking over the weights of the norm between (SliceGPT, section 3; QuaRot, section
/// 4). With `v' = v Rₕ` for the values of a key-value head, its rows of the value projection turn and, with the opposite
/// sense, the columns of the output projection for every query head that reads them.
struct RotationPlan {
  private(set) var tensors: [String: TensorRotation] = [:]
  /// The tensor that the head is made from, where it was tied.
  private(set) var headSource: String?

  private let configuration: ModelConfiguration
  private let seed: UInt64

  /// - Throws: `QuantizationError` (`unsupported`) that names what cannot be turned.
  init(_ configuration: ModelConfiguration, source: any TensorSource, parts: RotationParts, seed: UInt64) throws {
    self.configuration = configuration
    self.seed = seed
    if parts.contains(.residual) { try turnResidual(source) }
    if parts.contains(.values) {
      for index in configuration.blocks.indices { turnValues(block: index) }
    }
  }

  /// Why the residual stream cannot be turned, if so.
  static func obstacle(_ c: ModelConfiguration) -> String? {
    if c.prefix != "model." { return "other parts of the model than the decoder write to it" }
    return c.blocks.firstIndex { $0.attentionOutputNorm != nil || $0.feedForwardOutputNorm != nil }.map {
      "block \($0) weighs what it adds entry by entry"
    }
  }

  private mutating func edit(_ name: String, _ change: (inout TensorRotation) -> Void) {
    change(&tensors[name, default: TensorRotation()])
  }

  private mutating func turnResidual(_ source: any TensorSource) throws {
    let c = configuration
    let rotation = RandomRotation(width: c.hiddenSize, seed: seed, stream: 0)
    let stream = [(first: 0, rotation: rotation)]
    let loader = ParameterLoader(source: source, settings: nil)
    if let obstacle = Self.obstacle(c) {
      throw QuantizationError(
        .unsupported, "the residual stream of \(c.architecture) cannot be turned: \(obstacle); use --parts values")
    }
    for (index, block) in c.blocks.enumerated() {
      let module = c.blockModule(index)
      let norms = try [block.attentionNorm, block.feedForwardNorm].map { try takeNorm("\(module).\($0)", loader) }
      let writers = Self.writers(block)
      for linear in c.linears(ofBlock: index) {
        let name = "\(module).\(linear.name)"
        if writers.contains(linear.input) {
          turnOutputs(name, stream)
        } else if linear.input == .attention {
          turnInputs(name + ".weight", stream, norms[0])
        } else if linear.input != .queryLatent, linear.input != .keyValueLatent {
          turnInputs(name + ".weight", stream, norms[1])
        }
      }
      if case .experts(let experts) = block.feedForward {
        for path in [experts.routerPath, experts.sharedGatePath].compactMap(\.self) {
          turnInputs("\(module).\(path).weight", stream, norms[1])
        }
      }
    }
    let finalNorm = try takeNorm(c.prefix + "norm", loader)
    edit(c.embeddingName) { $0.inputs += stream }
    let head = c.headModule + ".weight"
    turnInputs(head, stream, finalNorm)
    if c.tiedEmbeddings { headSource = c.embeddingName }
  }

  /// What the matrices read that write to the residual stream.
  private static func writers(_ block: BlockConfiguration) -> Set<LinearInput> {
    var writers: Set<LinearInput> = [.attentionOutput, .feedForwardOutput, .sharedExpertOutput]
    if case .experts(let experts) = block.feedForward {
      writers.formUnion((0..<experts.routing.expertCount).map(LinearInput.expertOutput))
    }
    return writers
  }

  /// A norm's weights, offset included; in its place stays a norm that multiplies by 1.
  private mutating func takeNorm(_ module: String, _ loader: ParameterLoader) throws -> [Float] {
    let offset = configuration.normOffset
    let weight = try loader.vector(module + ".weight", count: configuration.hiddenSize).map { $0 + offset }
    edit(module + ".weight") { $0.constant = 1 - offset }
    return weight
  }

  private mutating func turnInputs(
    _ name: String, _ rotation: [(first: Int, rotation: RandomRotation)], _ scale: [Float]
  ) {
    edit(name) {
      $0.inputScale = scale
      $0.inputs += rotation
    }
  }

  private mutating func turnOutputs(_ module: String, _ rotation: [(first: Int, rotation: RandomRotation)]) {
    for suffix in [".weight", ".bias"] { edit(module + suffix) { $0.outputs += rotation } }
  }

  private mutating func turnValues(block index: Int) {
    let attention = configuration.blocks[index].attention
    let module = configuration.blockModule(index) + ".self_attn"
    // Where the values of each key-value head begin among the outputs of the matrix that makes them.
    let source: String
    let starts: [Int]
    let width: Int
    switch attention.projections {
    case .separate:
      source = "v_proj"
      width = attention.headDimension
      starts = (0..<attention.keyValueHeadCount).map { $0 * width }
    case .fused:
      source = "qkv_proj"
      width = attention.headDimension
      let first = (attention.headCount + attention.keyValueHeadCount) * width
      starts = (0..<attention.keyValueHeadCount).map { first + $0 * width }
    case .latent(let latent):
      source = "kv_b_proj"
      width = latent.valueDimension
      starts = (0..<attention.headCount).map {
        $0 * (latent.plainDimension + width) + latent.plainDimension
      }
    }
    let readers = attention.headCount / starts.count
    for (head, start) in starts.enumerated() {
      let rotation = RandomRotation(
        width: width, seed: seed, stream: UInt64(1 + index * attention.headCount + head))
      for suffix in [".weight", ".bias"] {
        edit("\(module).\(source)\(suffix)") { $0.outputs.append((start, rotation)) }
      }
      for query in head * readers..<(head + 1) * readers {
        edit("\(module).o_proj.weight") { $0.inputs.append((query * width, rotation)) }
      }
    }
  }
}
