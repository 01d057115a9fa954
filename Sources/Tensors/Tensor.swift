import CKernels

/// A dense row-major array: its own memory, or a view of a mapped file.
///
/// Values are immutable once made, so tensors are shared freely between threads.
public struct Tensor: Sendable {
  /// The type of one element.
  public let dtype: DType
  /// The extents, outermost first.
  public let shape: Shape
  private let storage: Storage

  /// Memory and whatever keeps it alive.
  private final class Storage: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let owner: AnyObject?
    /// Bytes that may be read beyond the last element.
    let readableBytesAfterEnd: Int

    init(bytes: UnsafeRawBufferPointer, owner: AnyObject?) {
      self.bytes = bytes
      self.owner = owner
      let end = bytes.baseAddress.map { $0 + bytes.count }
      switch owner {
      case nil: readableBytesAfterEnd = Tensor.ownedSlack
      case let file as MappedFile: readableBytesAfterEnd = Self.distance(from: end, to: file.bytes)
      case let parent as Storage:
        readableBytesAfterEnd = Self.distance(from: end, to: parent.bytes) + parent.readableBytesAfterEnd
      default: readableBytesAfterEnd = 0
      }
    }

    /// The mapped file that the bytes lie in.
    var file: MappedFile? { owner as? MappedFile ?? (owner as? Storage)?.file }

    private static func distance(from end: UnsafeRawPointer?, to whole: UnsafeRawBufferPointer) -> Int {
      guard let end, let base = whole.baseAddress else { return 0 }
      return max(0, base + whole.count - end)
    }

    deinit {
      if owner == nil { bytes.baseAddress?.deallocate() }
    }
  }

  /// Readable bytes after the elements of a tensor with memory of its own.
  private static let ownedSlack = 64

  /// How many bytes may be read beyond the last element: known for owned memory and for views of mapped files.
  package var readableBytesAfterEnd: Int { storage.readableBytesAfterEnd }

  /// A view of memory that `owner` keeps alive and unchanged; `bytes` holds exactly the elements.
  public init(viewing bytes: UnsafeRawBufferPointer, owner: AnyObject, dtype: DType, shape: Shape) {
    precondition(bytes.count == shape.elementCount * dtype.byteCount, "byte count does not match \(shape)")
    self.dtype = dtype
    self.shape = shape
    storage = Storage(bytes: bytes, owner: owner)
  }

  /// A tensor of its own memory (64-byte aligned), filled by `fill`, which is given `elementCount * byteCount` bytes.
  public init(
    dtype: DType, shape: Shape, fillingWith fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows {
    let count = shape.elementCount * dtype.byteCount
    // Kernels may read a little beyond the last code.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count + Self.ownedSlack, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    do {
      try fill(UnsafeMutableRawBufferPointer(rebasing: memory[0..<count]))
    } catch {
      memory.deallocate()
      throw error
    }
    self.dtype = dtype
    self.shape = shape
    storage = Storage(bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[0..<count]), owner: nil)
  }

  /// A copy of integer or floating values of one of Swift's own types, laid down bit for bit as `dtype`.
  public init<Element: BitwiseCopyable>(bits values: [Element], dtype: DType, shape: Shape) {
    precondition(values.count == shape.elementCount && MemoryLayout<Element>.size == dtype.byteCount)
    self.init(dtype: dtype, shape: shape) { target in
      values.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  /// Float values rounded to `dtype` (`float32`, `float16` or `bfloat16`; nearest even).
  public init(_ values: [Float], shape: Shape, dtype: DType = .float32) {
    precondition(values.count == shape.elementCount, "\(values.count) values for shape \(shape)")
    self.init(dtype: dtype, shape: shape) { target in
      values.withUnsafeBufferPointer { source in
        FloatConversion.narrow(source, to: dtype, into: target)
      }
    }
  }

  /// The raw bytes, little-endian as stored.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(storage.bytes)
  }

  /// Some of the raw bytes; unless `isMapped`, those of a mapped file are copied from it, so that none of its pages comes into the process's memory.
  package func withBytes<Result>(
    _ range: Range<Int>, isMapped: Bool, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try withUnsafeBytes { bytes in
      let part = UnsafeRawBufferPointer(rebasing: bytes[range])
      guard !isMapped, let file = storage.file else { return try body(part) }
      return try withUnsafeTemporaryAllocation(byteCount: part.count, alignment: 64) { copy in
        try body(file.read(part, into: copy) ? UnsafeRawBufferPointer(copy) : part)
      }
    }
  }

  /// Takes what was read of a mapped file out of the process's memory; nothing else changes. Memory of its own stays.
  package func releasePages() { storage.file?.releasePages(storage.bytes) }

  /// As `releasePages()`, for the whole file that it is mapped from.
  package func releaseFilePages() { storage.file?.releasePages() }

  /// Asks the system to read what is mapped of a file, and does not wait for it.
  package func readAhead() { storage.file?.readAhead(storage.bytes) }

  /// As `releasePages()`, and has the system keep no copy either.
  package func dropPages() { storage.file?.dropPages(storage.bytes) }

  /// Calls `body` while the system is told that reads of a mapped file are scattered.
  func withScatteredReads(_ body: (UnsafeRawBufferPointer) -> Void) {
    storage.file?.adviseScattered(storage.bytes, true)
    withUnsafeBytes(body)
    storage.file?.adviseScattered(storage.bytes, false)
  }

  /// Whether the bytes lie in a mapped file.
  package var isMapped: Bool { storage.file != nil }

  /// The address of the first element; valid while this tensor (or a copy of it) lives.
  public var baseAddress: UnsafeRawPointer? { storage.bytes.baseAddress }

  /// All values widened to Float, row-major.
  ///
  /// - Throws: `TensorError` (`wrongType`) unless the type is F32, F16, BF16 or F64.
  public func floats() throws -> [Float] {
    let count = shape.elementCount
    guard FloatConversion.canWiden(dtype) else {
      throw TensorError(.wrongType, "a tensor of type \(dtype.rawValue) cannot be read as floating point")
    }
    return [Float](unsafeUninitializedCapacity: count) { target, initialized in
      FloatConversion.widen(storage.bytes, dtype: dtype, into: target)
      initialized = count
    }
  }

  /// The same elements under another shape with the same element count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.elementCount == self.shape.elementCount)
    return Tensor(viewing: storage.bytes, owner: storage, dtype: dtype, shape: shape)
  }

  /// Rows `range` of the outermost axis, as a view.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(shape.rank >= 1 && range.lowerBound >= 0 && range.upperBound <= shape[0])
    let rowBytes = shape.dimensions.dropFirst().reduce(1, *) * dtype.byteCount
    let slice = storage.bytes[(range.lowerBound * rowBytes)..<(range.upperBound * rowBytes)]
    return Tensor(
      viewing: UnsafeRawBufferPointer(rebasing: slice), owner: storage, dtype: dtype,
      shape: Shape([range.count] + shape.dimensions.dropFirst()))
  }
}
