#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An array of plain values in large pages of memory, where it is large enough for them.
///
/// The tables of a large vocabulary take some megabytes, which are filled once and then read anywhere. In pages of 4 KiB, filling them
/// costs a fault for each page and reading them an address to be translated; Linux gives pages of 2 MiB where it is asked to.
/// Elsewhere, and for small arrays, this is an array like any other.
struct LargeArray<Element: BitwiseCopyable & Sendable>: RandomAccessCollection, @unchecked Sendable {
  /// Memory that is freed with its last owner; who writes owns it alone.
  private final class Storage {
    let elements: UnsafeMutableBufferPointer<Element>

    init(capacity: Int) {
      let byteCount = capacity * MemoryLayout<Element>.stride
      let isLarge = byteCount >= LargePages.leastBytes
      let room = isLarge ? (byteCount + LargePages.size - 1) / LargePages.size * LargePages.size : byteCount
      let base = UnsafeMutableRawPointer.allocate(
        byteCount: room, alignment: isLarge ? LargePages.size : MemoryLayout<Element>.alignment)
      if isLarge { LargePages.ask(for: base, room) }
      elements = UnsafeMutableBufferPointer(
        start: base.bindMemory(to: Element.self, capacity: capacity), count: capacity)
    }

    deinit { elements.baseAddress.map(UnsafeMutableRawPointer.init)?.deallocate() }
  }

  private var storage: Storage
  private(set) var count: Int

  /// An empty array.
  init() {
    storage = Storage(capacity: 0)
    count = 0
  }

  /// `count` times a value.
  init(repeating value: Element, count: Int) {
    storage = Storage(capacity: count)
    storage.elements.initialize(repeating: value)
    self.count = count
  }

  var startIndex: Int { 0 }
  var endIndex: Int { count }

  @inline(__always)
  subscript(position: Int) -> Element {
    precondition(position >= 0 && position < count)
    return storage.elements[position]
  }

  /// Makes room for at least so many elements.
  mutating func reserveCapacity(_ capacity: Int) {
    if capacity > storage.elements.count || !isKnownUniquelyReferenced(&storage) {
      move(to: Storage(capacity: Swift.max(capacity, count)))
    }
  }

  /// Adds an element at the end.
  @inline(__always)
  mutating func append(_ element: Element) {
    if count == storage.elements.count || !isKnownUniquelyReferenced(&storage) {
      move(to: Storage(capacity: Swift.max(16, 2 * count)))
    }
    storage.elements.initializeElement(at: count, to: element)
    count += 1
  }

  private mutating func move(to new: Storage) {
    for position in 0..<count { new.elements.initializeElement(at: position, to: storage.elements[position]) }
    storage = new
  }

  /// Calls `body` with the elements.
  @inline(__always)
  func withUnsafeBufferPointer<Result>(_ body: (UnsafeBufferPointer<Element>) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeBufferPointer(start: storage.elements.baseAddress, count: count))
  }

  /// Calls `body` with the elements, which it may change.
  @inline(__always)
  mutating func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    if !isKnownUniquelyReferenced(&storage) { move(to: Storage(capacity: count)) }
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeMutableBufferPointer(start: storage.elements.baseAddress, count: count))
  }
}

extension LargeArray {
  /// The elements of a sequence.
  init(_ elements: some Sequence<Element>) {
    self.init()
    reserveCapacity(elements.underestimatedCount)
    for element in elements { append(element) }
  }
}

/// Pages of 2 MiB.
private enum LargePages {
  static let size = 2 << 20
  /// Smaller arrays would leave most of a page empty.
  static let leastBytes = 3 << 18

  static func ask(for base: UnsafeMutableRawPointer, _ byteCount: Int) {
    #if os(Linux)
      _ = madvise(base, byteCount, MADV_HUGEPAGE)
    #endif
  }
}
