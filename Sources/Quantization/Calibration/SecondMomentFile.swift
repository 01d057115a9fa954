import Checkpoints
import JSONReader
import LanguageModels
import Tensors

/// The second moments of one block, mapped from a file of a `SecondMomentFolder`.
struct SecondMomentFile: SecondMomentSource {
  private let file: SafetensorsFile
  private let inputs: [BlockInput]
  private let tokens: JSONValue?

  /// Maps the file of block `index`; its metadata are checked, its values when they are read.
  ///
  /// - Throws: `QuantizationError`: `missingInput` if there is no such file, `badStatistics` if it was made from another
  ///   model; or what opening a damaged file throws.
  init(
    _ folder: SecondMomentFolder, block index: Int, configuration: ModelConfiguration, model: String
  ) throws {
    let path = folder.file(block: index)
    do {
      file = try SafetensorsFile(path: path)
    } catch let error as TensorError where error.code == .cannotOpenFile {
      throw QuantizationError(
        .missingInput, "no second moments of \(configuration.blockModule(index)): \(error.message)")
    }
    inputs = configuration.inputs(ofBlock: index)
    tokens = file.metadata["tokens"].flatMap { try? JSONValue.parse([UInt8]($0.utf8)) }
    if let recorded = file.metadata["model"], recorded != model {
      throw QuantizationError(
        .badStatistics,
        "\(path) holds second moments of another model, or of other weights; measure again, or give the model they belong to"
      )
    }
  }

  /// Checks that what a matrix of the block reads is there and of the right size; no value is read.
  ///
  /// - Throws: `QuantizationError` (`badStatistics`) that names the file and the layer.
  func check(_ inputs: some Sequence<LinearInput>) throws {
    for input in inputs { _ = try tensor(input) }
  }

  /// Adds to a fingerprint what tells this file from another.
  func add(to print: inout Fingerprint) throws {
    for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) { print.add("\(key) \(value)") }
    for name in file.tensorNames {
      print.add(name)
      print.add(try file.tensor(named: name))
      file.releasePages()
    }
  }

  func tokens(_ input: LinearInput) -> Int {
    let readers = inputs.first { $0.input == input }?.readers ?? []
    return readers.lazy.compactMap { tokens?[$0]?.intValue }.first ?? 0
  }

  func mean(_ input: LinearInput) throws -> [Double]? {
    guard let (module, width, tensor) = try tensor(input) else { return nil }
    defer { file.releasePages() }
    return try tensor.withUnsafeBytes { bytes in
      let isWhole = tensor.shape.rank == 2
      return switch tensor.dtype {
      case .float64: try symmetric(bytes.bindMemory(to: Double.self), width: width, isWhole: isWhole, module)
      default: try symmetric(bytes.bindMemory(to: Float.self), width: width, isWhole: isWhole, module)
      }
    }
  }

  /// The tensor of an input under the name of any of its readers; nil where no token reached it.
  private func tensor(_ input: LinearInput) throws -> (module: String, width: Int, tensor: Tensor)? {
    guard let entry = inputs.first(where: { $0.input == input }) else { return nil }
    guard let module = entry.readers.first(where: { file.contains(SecondMomentFolder.tensorName($0)) }) else {
      if entry.readers.contains(where: { tokens?[$0]?.intValue == 0 }) { return nil }
      throw refusal(entry.readers[0], "is missing (nor is there one of another layer that reads the same input)")
    }
    let tensor = try file.tensor(named: SecondMomentFolder.tensorName(module))
    let width = entry.width
    guard tensor.dtype == .float64 || tensor.dtype == .float32 else {
      throw refusal(module, "is of type \(tensor.dtype.rawValue); F64 and F32 can be read")
    }
    guard tensor.shape == [width * (width + 1) / 2] || tensor.shape == [width, width] else {
      throw refusal(
        module,
        "has the shape \(tensor.shape); \(width) inputs take [\(width * (width + 1) / 2)] or [\(width), \(width)]")
    }
    return (module, width, tensor)
  }

  /// Both triangles, from the lower one row by row or from the whole matrix.
  private func symmetric<Value: BinaryFloatingPoint>(
    _ values: UnsafeBufferPointer<Value>, width: Int, isWhole: Bool, _ module: String
  ) throws -> [Double] {
    var result = [Double](repeating: 0, count: width * width)
    try result.withUnsafeMutableBufferPointer { result in
      for row in 0..<width {
        let start = isWhole ? row * width : row * (row + 1) / 2
        for column in 0...row {
          let value = Double(values[start + column])
          guard value.isFinite, row != column || value >= 0 else {
            throw refusal(module, "is \(value) at [\(row), \(column)]")
          }
          result[row * width + column] = value
          result[column * width + row] = value
        }
      }
      if isWhole { try checkSymmetry(values, lower: result, width: width, module) }
    }
    return result
  }

  /// Rounding may tell the triangles of a whole matrix apart, but not more: of a second moment, entry `[i, j]` is at
  /// most the geometric mean of entries `[i, i]` and `[j, j]`.
  private func checkSymmetry<Value: BinaryFloatingPoint>(
    _ values: UnsafeBufferPointer<Value>, lower: UnsafeMutableBufferPointer<Double>, width: Int, _ module: String
  ) throws {
    for row in 0..<width {
      for column in (row + 1)..<width {
        let (upper, lowerValue) = (Double(values[row * width + column]), lower[column * width + row])
        let unit = (lower[row * width + row] * lower[column * width + column]).squareRoot()
        guard abs(upper - lowerValue) <= Self.asymmetryLimit * unit else {
          throw refusal(
            module, "is not symmetric: \(upper) at [\(row), \(column)], \(lowerValue) at [\(column), \(row)]")
        }
      }
    }
  }

  private static let asymmetryLimit = 1e-4

  private func refusal(_ module: String, _ reason: String) -> QuantizationError {
    QuantizationError(.badStatistics, "\(file.path): the second moment of the input of \(module) \(reason)")
  }
}
