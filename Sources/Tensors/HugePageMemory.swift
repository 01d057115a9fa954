import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory for what is read from end to end for every token, in pages of 2 MiB where the system has them: fewer addresses are
/// to be translated.
///
/// Small tensors share chunks; a chunk lives as long as one of its tensors. Of a large tensor what does not fill a huge page
/// lies in small ones, so that it takes what it holds.
package enum HugePageMemory {
  /// The size of a huge page, and of a chunk.
  private static let pageBytes = 2 << 20
  private static let chunkBytes = 8 << 20

  /// Memory of this size and more is the system's own, not `malloc`'s: what is given back leaves the process at once, and no gaps stay between
  /// what is aligned.
  private static let leastMappedBytes = 1 << 17

  /// Memory for `deallocate(_:byteCount:)`, in huge pages where they are filled; less than one lies in small ones.
  static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= leastMappedBytes else { return .allocate(byteCount: max(byteCount, 1), alignment: 64) }
    let size = wholePages(byteCount)
    guard byteCount >= pageBytes else { return map(size) }
    let start = map(size + pageBytes)
    // What lies before a multiple of huge pages, and behind what is wanted, is given back.
    let before = (pageBytes - Int(bitPattern: start) % pageBytes) % pageBytes
    let base = start + before
    if before > 0 { munmap(start, before) }
    munmap(base + size, pageBytes - before)
    #if os(Linux)
      madvise(base, byteCount / pageBytes * pageBytes, MADV_HUGEPAGE)
    #endif
    return base
  }

  /// Gives back what `allocate(byteCount:)` gave.
  static func deallocate(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    if byteCount >= leastMappedBytes { munmap(base, wholePages(byteCount)) } else { base.deallocate() }
  }

  /// Where there is no memory the process ends, as with any allocation in Swift.
  private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    guard let base, base != MAP_FAILED else {
      fatalError("out of memory: \(byteCount >> 20) MB refused; a shorter context or --weight-memory takes less")
    }
    return base
  }

  private static func wholePages(_ byteCount: Int) -> Int {
    let page = Int(getpagesize())
    return (byteCount + page - 1) / page * page
  }

  private final class Chunk: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    private let byteCount: Int

    init(byteCount: Int) {
      base = HugePageMemory.allocate(byteCount: byteCount)
      self.byteCount = byteCount
    }

    deinit { HugePageMemory.deallocate(base, byteCount: byteCount) }
  }

  private struct State: Sendable {
    var chunk: Chunk?
    var used = 0
  }

  private static let state = Mutex(State())

  /// A tensor in such memory, filled by `fill`, which is given `elementCount * byteCount` bytes of any content.
  package static func tensor(
    dtype: DType, shape: Shape, fillingWith fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows -> Tensor {
    let count = shape.elementCount * dtype.byteCount
    let (chunk, offset) = place(count)
    let bytes = UnsafeMutableRawBufferPointer(start: chunk.base + offset, count: count)
    try fill(bytes)
    return Tensor(viewing: UnsafeRawBufferPointer(bytes), owner: chunk, dtype: dtype, shape: shape)
  }

  /// Room for `count` bytes at a cache line.
  private static func place(_ count: Int) -> (chunk: Chunk, offset: Int) {
    if count > chunkBytes / 2 { return (Chunk(byteCount: count), 0) }
    return state.withLock { state in
      if let chunk = state.chunk, state.used + count <= chunkBytes {
        let offset = state.used
        state.used += (count + 63) / 64 * 64
        return (chunk, offset)
      }
      let chunk = Chunk(byteCount: chunkBytes)
      state = State(chunk: chunk, used: (count + 63) / 64 * 64)
      return (chunk, 0)
    }
  }
}
