public import Checkpoints
import JSONReader
import LanguageModels
public import Tensors

/// Writes a model that computes the same in randomly turned directions, in which weights are closer to Gaussian and have fewer
/// outliers.
///
/// All turns fold into the weights: nothing is added to the format or to the work of a token. Norm weights go into
/// the matrices behind them where the residual stream turns.
public struct ModelRotation: Sendable {
  /// The model to read, with dense weights.
  public let model: ModelDirectory
  /// What is turned.
  public let parts: RotationParts
  /// What the directions are drawn from.
  public let seed: UInt64
  /// The folder to write.
  public let output: String

  /// Prepares the work; nothing is written yet.
  public init(model: ModelDirectory, parts: RotationParts, seed: UInt64 = 0, output: String) {
    self.model = model
    self.parts = parts
    self.seed = seed
    self.output = output
  }

  /// The parts that change no size: all of them where the head is a matrix of its own and the family allows it, else the values.
  ///
  /// - Throws: what reading `config.json` throws.
  public static func freeParts(_ model: ModelDirectory) throws -> RotationParts {
    let configuration = try ModelConfiguration(model)
    let isAble = RotationPlan.obstacle(configuration) == nil
    return configuration.tiedEmbeddings || !isAble ? .values : [.values, .residual]
  }

  /// Writes the folder, `config.json` last; tensors keep their types, 8-bit block-scaled ones become bfloat16.
  ///
  /// - Throws: `QuantizationError` (`unsupported`): the model is quantized, or names what cannot be turned;
  ///   `CheckpointError`: what cannot be read or written.
  public func write(
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws {
    let configuration = try ModelConfiguration(model)
    let names = model.tensorNames
    if let name = names.first(where: { $0.hasSuffix(".centroids.weight") }) {
      throw QuantizationError(
        .unsupported, "\(model.path) is quantized (\(name)); turn the model it was made from, before quantizing")
    }
    let source = PlainTensors(model)
    let plan = try RotationPlan(configuration, source: source, parts: parts, seed: seed)
    let head = configuration.headModule + ".weight"
    var entries: [(name: String, source: String)] = source.tensorNames.map { ($0, $0) }
    if let origin = plan.headSource {
      // Some files carry a copy of a tied head, which nothing reads.
      entries.removeAll { $0.name == head }
      entries.append((head, origin))
    }
    entries.sort { $0.name < $1.name }
    let writer = try CheckpointWriter(
      folder: output,
      declarations: try entries.map { entry in
        let (dtype, shape) = try source.declaration(of: entry.source)
        return (entry.name, plan.tensors[entry.name] == nil ? dtype : Self.storedType(dtype), shape)
      })
    for (index, entry) in entries.enumerated() {
      if isCancelled() { throw QuantizationError(.interrupted, "interrupted; \(output) is not written") }
      try writer.write(entry.name, try turned(source.tensor(named: entry.source), entry.name, plan))
      model.releasePages()
      progress.report("writing \(output)", completed: index + 1, total: entries.count, unit: .items("tensors"))
    }
    try AtomicFile.remove(output + "/config.json")
    try writer.finish()
    try model.copyCompanions(to: output)
    try AtomicFile.write([UInt8](document(plan).serialized(pretty: true).utf8), to: output + "/config.json")
  }

  private func turned(_ tensor: Tensor, _ name: String, _ plan: RotationPlan) throws -> Tensor {
    guard let rotation = plan.tensors[name] else { return tensor }
    guard FloatConversion.canWiden(tensor.dtype), (1...2).contains(tensor.shape.rank) else {
      throw QuantizationError(
        .unsupported,
        "\(name) is \(tensor.dtype.rawValue) \(tensor.shape); only matrices and vectors of a floating type can be turned"
      )
    }
    let columns = tensor.shape.rank == 2 ? tensor.shape[1] : 1
    let values = rotation.apply(try tensor.floats(), rows: tensor.shape[0], columns: columns)
    return Tensor(values, shape: tensor.shape, dtype: Self.storedType(tensor.dtype))
  }

  /// The type of a turned tensor.
  private static func storedType(_ dtype: DType) -> DType { dtype == .float64 ? .float32 : dtype }

  private func document(_ plan: RotationPlan) -> JSONValue {
    guard plan.headSource != nil else { return model.configuration }
    let entries = (model.configuration.objectValue ?? []).filter { $0.key != "tie_word_embeddings" }
    return .object(entries + [("tie_word_embeddings", .bool(false))])
  }
}
