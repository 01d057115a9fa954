import Tensors

/// The weights of a model in the order of the computation, each checked for presence and shape when it is added.
final class GGUFWeightPlan {
  let file: GGUFFile
  private(set) var weights: [GGUFWeight] = []
  private var used: Set<String> = []

  init(_ file: GGUFFile) { self.file = file }

  /// The tensors of one layer: names in the file and in the folder continue these prefixes.
  func layer(_ index: Int) -> GGUFLayerPlan {
    GGUFLayerPlan(plan: self, source: "blk.\(index).", target: "model.layers.\(index).")
  }

  /// Adds a tensor by its whole names. Extents of 1 are ignored in the comparison of shapes.
  ///
  /// - Throws: `CheckpointError`: `missingTensor`, or `malformedFile` for another shape.
  func add(
    _ source: String, _ target: String, _ shape: Shape, _ change: GGUFWeight.Change = .none,
    staysFloat32: Bool = false, resultShape: Shape? = nil
  ) throws {
    let description = try use(source, shape)
    weights.append(
      GGUFWeight(
        name: target, shape: resultShape ?? shape, source: description, change: change, staysFloat32: staysFloat32,
        scale: try scale(of: source, part: nil)))
  }

  /// Adds a stack of `count` matrices, outermost axis first, as as many tensors.
  func addParts(_ source: String, count: Int, _ shape: Shape, _ target: (Int) -> String) throws {
    let description = try use(source, Shape([count] + shape.dimensions))
    for index in 0..<count {
      weights.append(
        GGUFWeight(
          name: target(index), shape: shape, source: description, change: .part(index: index, of: count),
          scale: try scale(of: source, part: index)))
    }
  }

  /// Finds a tensor of a shape, and counts it as converted.
  func use(_ name: String, _ shape: Shape) throws -> GGUFFile.TensorDescription {
    guard let description = file.description(of: name) else {
      throw CheckpointError(.missingTensor, "\(file.path) has no tensor \"\(name)\"")
    }
    guard description.shape.dimensions.filter({ $0 != 1 }) == shape.dimensions.filter({ $0 != 1 }) else {
      throw CheckpointError(
        .malformedFile, "\(file.path): \"\(name)\" has the shape \(description.shape), not \(shape)")
    }
    used.insert(name)
    return description
  }

  /// Counts tensors as converted that go into the configuration, where they exist.
  func ignore(_ names: String...) { used.formUnion(names) }

  /// Refuses a file with a tensor that has no place in the model.
  func refuseStrangers(_ architecture: String) throws {
    if let stranger = file.tensors.first(where: { !used.contains($0.name) }) {
      throw CheckpointError(
        .unsupported,
        "\(file.path): the tensor \"\(stranger.name)\" has no place in a model of the architecture \"\(architecture)\"")
    }
  }

  /// The factor of a weight that is kept apart as `….scale`: one, or one for each part.
  private func scale(of name: String, part: Int?) throws -> Float {
    guard name.hasSuffix(".weight") else { return 1 }
    let stem = name.dropLast(".weight".count)
    // How activations would be quantized is of no use here.
    used.insert(stem + ".input_scale")
    guard let description = file.description(of: stem + ".scale") else { return 1 }
    let values = try file.tensor(named: description.name).floats()
    used.insert(description.name)
    guard
      let scale = values.count == 1 ? values.first : part.flatMap({ values.indices.contains($0) ? values[$0] : nil })
    else {
      throw CheckpointError(
        .malformedFile, "\(file.path): \"\(description.name)\" has the shape \(description.shape)")
    }
    return scale
  }
}

/// The tensors of one layer under construction.
struct GGUFLayerPlan {
  let plan: GGUFWeightPlan
  /// `blk.N.`
  let source: String
  /// `model.layers.N.`
  let target: String

  /// Whether the file has this tensor of the layer.
  func contains(_ name: String) -> Bool { plan.file.contains(source + name) }

  /// Adds the tensor `source.weight` as `target.weight`, and its bias if there must be one.
  func add(
    _ source: String, _ target: String, _ shape: Shape, _ change: GGUFWeight.Change = .none, bias: Bool = false
  ) throws {
    try plan.add(self.source + source + ".weight", self.target + target + ".weight", shape, change)
    if bias { try plan.add(self.source + source + ".bias", self.target + target + ".bias", [shape[0]], change) }
  }

  /// Adds a tensor by whole names within the layer, kept in F32.
  func addFloat32(_ source: String, _ target: String, _ shape: Shape) throws {
    try plan.add(self.source + source, self.target + target, shape, staysFloat32: true)
  }
}
