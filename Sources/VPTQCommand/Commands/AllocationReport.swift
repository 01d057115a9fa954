import Quantization

/// Which shapes `--bits` chose, for each kind of matrix.
struct AllocationReport {
  let plan: QuantizationPlan
  let sensitivity: ModelSensitivity?
  let preference: AllocationPreference

  /// One line for each kind, in the order of a block.
  var lines: [String] {
    var kinds: [(name: String, shapes: [(shape: String, count: Int)])] = []
    for matrix in plan.matrices where !matrix.isFixed {
      let kind = kinds.firstIndex { $0.name == matrix.name } ?? kinds.endIndex
      if kind == kinds.endIndex { kinds.append((matrix.name, [])) }
      if let shape = kinds[kind].shapes.firstIndex(where: { $0.shape == matrix.recipe.name }) {
        kinds[kind].shapes[shape].count += 1
      } else {
        kinds[kind].shapes.append((matrix.recipe.name, 1))
      }
    }
    let basis =
      switch sensitivity?.hasGradients {
      case true?: "by the measured cost of errors"
      case false?: "by relative errors (no gradients of the loss were measured)"
      case nil: "by size alone; a run measures the cost of errors first"
      }
    let choice = preference == .speed ? "; of shapes that lose little more, the fastest" : ""
    return ["bits allocated \(basis)\(choice):"]
      + kinds.map { kind in
        let shapes = kind.shapes.sorted { $0.count != $1.count ? $0.count > $1.count : $0.shape < $1.shape }
        return "  \(kind.name): " + shapes.map { "\($0.count) x \($0.shape)" }.joined(separator: ", ")
      }
  }
}
