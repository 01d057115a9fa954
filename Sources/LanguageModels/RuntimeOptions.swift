import Tensors

/// How a model computes: in what form weights, keys and values are held at run time.
public struct RuntimeOptions: Sendable, Equatable {
  /// The form of the output head.
  public enum HeadForm: String, Sendable, CaseIterable {
    /// As stored.
    case native
    /// Bytes with a scale for every row, and a second byte in the largest columns, where this machine has the instructions for it, else
    /// as stored.
    case int8
  }

  /// Whether products use weights and activations in float32 throughout, even where integers are faster.
  public var isExact: Bool
  /// The form of the head; nil for int8 where the model's matrices are quantized, else as stored. With `isExact` it is as stored.
  public var head: HeadForm?
  /// How the keys and values of sequences are kept; nil for float16 where the model's matrices are quantized, else float32. With
  /// `isExact` it is float32 unless another form is named.
  public var cache: CacheForm?

  /// Bytes of memory that weights may take; nil for four fifths of what the machine, and a control group around the process,
  /// have to spare when the model is opened. Of a larger model some matrices are read from disk in every pass.
  public var memory: Int?
  /// Whether those are read before their turn.
  public var readsAhead = true

  /// Options; as they are, the fastest.
  public init(isExact: Bool = false, head: HeadForm? = nil, cache: CacheForm? = nil, memory: Int? = nil) {
    self.isExact = isExact
    self.head = head
    self.cache = cache
    self.memory = memory
  }

  /// How the keys and values of sequences are kept.
  func cacheForm(isQuantized: Bool) -> CacheForm { cache ?? (isQuantized && !isExact ? .float16 : .float32) }

  /// Bytes that weights may take, so far as that is known.
  var allowedMemory: Int? { memory ?? AvailableMemory.bytes.map { Int(WeightPlacement.share * Double($0)) } }

  /// Whether the head of a model is held as int8.
  func usesByteHead(isQuantized: Bool) -> Bool { !isExact && (head ?? (isQuantized ? .int8 : .native)) == .int8 }
}
