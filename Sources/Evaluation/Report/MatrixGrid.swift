/// The matrices of a model by block and kind; experts of one block and kind are one cell.
struct MatrixGrid: Sendable {
  /// Kinds in the order of the computation.
  let kinds: [String]
  /// Blocks in order.
  let blocks: [Int]
  private let cells: [Key: [ModelAnatomy.Matrix]]

  private struct Key: Hashable {
    let kind: String
    let block: Int
  }

  init(_ matrices: [ModelAnatomy.Matrix]) {
    var kinds: [String] = []
    var known: Set<String> = []
    var cells: [Key: [ModelAnatomy.Matrix]] = [:]
    for matrix in matrices {
      if known.insert(matrix.kind).inserted { kinds.append(matrix.kind) }
      cells[Key(kind: matrix.kind, block: matrix.block), default: []].append(matrix)
    }
    self.kinds = kinds
    blocks = Set(matrices.map(\.block)).sorted()
    self.cells = cells
  }

  /// The matrices of one cell.
  func matrices(_ kind: String, _ block: Int) -> [ModelAnatomy.Matrix] { cells[Key(kind: kind, block: block)] ?? [] }

  /// The matrices of one kind.
  func matrices(ofKind kind: String) -> [ModelAnatomy.Matrix] { blocks.flatMap { matrices(kind, $0) } }

  /// The matrices of one block.
  func matrices(ofBlock block: Int) -> [ModelAnatomy.Matrix] { kinds.flatMap { matrices($0, block) } }

  /// A value of every cell, `[kind][block]`.
  func values(_ value: ([ModelAnatomy.Matrix]) -> Double?) -> [[Double?]] {
    kinds.map { kind in
      blocks.map { block in
        let matrices = matrices(kind, block)
        return matrices.isEmpty ? nil : value(matrices)
      }
    }
  }
}

extension Collection where Element == ModelAnatomy.Matrix {
  /// All stored bits over all weights.
  var bitsPerWeight: Double {
    Double(reduce(0) { $0 + $1.storedBits }) / Double(Swift.max(1, reduce(0) { $0 + $1.weights }))
  }

  /// The mean of the relative errors that are known, or nil.
  var meanError: Double? {
    let errors = compactMap(\.relativeError)
    return errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count)
  }

  /// The use of all main codebooks together.
  var mainUse: CodebookUse { compactMap(\.mainUse).reduce(CodebookUse(), +) }

  /// The use of all residual codebooks together.
  var residualUse: CodebookUse { compactMap(\.residualUse).reduce(CodebookUse(), +) }
}
