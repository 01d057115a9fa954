import Checkpoints
import LanguageModels
import Tensors

/// The result of a task of statistics on disk: the residual stream behind a block and running sums of its second moments.
///
/// `states.00003` is the stream of the windows of pass 3, float32; `sum.attention` the upper triangle of the sum of `x xᵀ` row
/// by row, float64, of this shard and all before it; `tokens` how many rows went into each sum. Sums, not means: the
/// next shard goes on adding where this one ended, so that the result is the same as that of one task.
final class StatisticsFile: Activations, SecondMomentSource {
  private let file: SafetensorsFile
  private let widths: [LinearInput: Int]

  init(path: String, widths: [LinearInput: Int]) throws {
    file = try SafetensorsFile(path: path)
    self.widths = widths
  }

  static func statesName(_ pass: Int) -> String { "states.\(pass)" }

  func read(pass: Int, into target: UnsafeMutablePointer<Float>, count: Int) throws {
    let tensor = try file.tensor(named: Self.statesName(pass))
    guard tensor.dtype == .float32, tensor.shape.elementCount == count else { throw damaged }
    tensor.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: target, count: count * 4).copyMemory(from: bytes)
    }
    tensor.releasePages()
  }

  func mean(_ input: LinearInput) throws -> [Double]? {
    guard let width = widths[input] else { return nil }
    let tokens = try tokens(input)
    guard tokens > 0 else { return nil }
    return SecondMoments.mean(try upperTriangle(input, width: width), width: width, tokens: tokens)
  }

  /// The running sums, to be added to.
  func moments() throws -> SecondMoments {
    var moments = SecondMoments()
    for (input, width) in widths {
      let tokens = try tokens(input)
      if tokens > 0 { moments.set(input, try upperTriangle(input, width: width), width: width, tokens: tokens) }
    }
    return moments
  }

  func tokens(_ input: LinearInput) throws -> Int {
    let tensor = try file.tensor(named: Self.tokensName)
    let inputs = Self.order(widths)
    guard tensor.dtype == .int64, tensor.shape == [inputs.count], let index = inputs.firstIndex(of: input) else {
      throw damaged
    }
    return tensor.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)) }
  }

  /// Whole `[width, width]` with zeros below the diagonal.
  private func upperTriangle(_ input: LinearInput, width: Int) throws -> [Double] {
    let tensor = try file.tensor(named: SecondMoments.tensorName(input))
    guard tensor.dtype == .float64, tensor.shape == [width * (width + 1) / 2] else { throw damaged }
    defer { tensor.releasePages() }
    return [Double](unsafeUninitializedCapacity: width * width) { target, count in
      target.update(repeating: 0)
      tensor.withUnsafeBytes { bytes in
        var offset = 0
        for row in 0..<width {
          let line = UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(target)[((row * width + row) * 8)...])
          line.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + (width - row) * 8]))
          offset += (width - row) * 8
        }
      }
      count = width * width
    }
  }

  private var damaged: QuantizationError {
    QuantizationError(.badStatistics, "\(file.path) is not what this job writes; remove it, and it is made again")
  }

  static let tokensName = "tokens"

  /// Inputs in the order of their names.
  static func order(_ widths: [LinearInput: Int]) -> [LinearInput] {
    widths.keys.sorted { "\($0)" < "\($1)" }
  }
}

/// Writes such a file as a stream; it has its name only when it is complete.
final class StatisticsFileWriter {
  private let writer: SafetensorsWriter
  private let widths: [LinearInput: Int]
  private var passes: [Int]

  /// - Parameters:
  ///   - passes: floats of the residual stream in each pass; none where nothing reads it.
  ///   - widths: of the inputs whose sums follow.
  init(path: String, passes: [Int], widths: [LinearInput: Int], metadata: [String: String]) throws {
    self.widths = widths
    self.passes = passes
    var declarations: [TensorDeclaration] = passes.enumerated().map {
      (StatisticsFile.statesName($0.offset), .float32, [$0.element])
    }
    let inputs = StatisticsFile.order(widths)
    for input in inputs {
      let width = widths[input] ?? 0
      declarations.append((SecondMoments.tensorName(input), .float64, [width * (width + 1) / 2]))
    }
    declarations.append((StatisticsFile.tokensName, .int64, [inputs.count]))
    writer = try SafetensorsWriter(path: path, declarations: declarations, metadata: metadata)
  }

  func write(pass: Int, from states: UnsafePointer<Float>) throws {
    let count = passes[pass]
    try writer.append(
      StatisticsFile.statesName(pass),
      Tensor(dtype: .float32, shape: [count]) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: states, count: count * 4))
      })
  }

  /// Appends the sums and gives the file its name.
  func finish(_ moments: SecondMoments) throws {
    let inputs = StatisticsFile.order(widths)
    for input in inputs {
      try writer.append(SecondMoments.tensorName(input), moments.upperTriangle(input, width: widths[input] ?? 0))
    }
    try writer.append(
      StatisticsFile.tokensName,
      Tensor(bits: inputs.map { Int64(moments.tokens($0)) }, dtype: .int64, shape: [inputs.count]))
    try writer.finish()
  }
}
