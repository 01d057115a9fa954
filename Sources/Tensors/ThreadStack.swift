import Foundation

/// Small buffers of one thread, one on top of the other: an allocator that serves all threads takes several times as long, and a
/// token asks for thousands.
struct ThreadStack {
  /// Bytes of all buffers of a thread.
  static let capacity = 1 << 18

  /// A cache line with the number of bytes in use, itself among them; then the buffers.
  private let base: UnsafeMutableRawPointer

  private static let line = 64

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key) { free($0) }
    precondition(status == 0, "no more keys for values of threads")
    return key
  }()

  /// That of the calling thread; nil where there is no memory for it.
  static var current: ThreadStack? {
    if let base = pthread_getspecific(key) { return ThreadStack(base: base) }
    var base: UnsafeMutableRawPointer?
    guard posix_memalign(&base, line, capacity) == 0, let base else { return nil }
    guard pthread_setspecific(key, base) == 0 else {
      free(base)
      return nil
    }
    base.storeBytes(of: line, as: Int.self)
    return ThreadStack(base: base)
  }

  /// A buffer that starts at a cache line, on top of the others; nil where there is no room.
  func push(byteCount: Int) -> UnsafeMutableRawPointer? {
    let used = base.load(as: Int.self), size = (byteCount + Self.line - 1) / Self.line * Self.line
    guard used + size <= Self.capacity else { return nil }
    base.storeBytes(of: used + size, as: Int.self)
    return base + used
  }

  /// Takes the uppermost buffer away.
  func pop(_ buffer: UnsafeMutableRawPointer) { base.storeBytes(of: buffer - base, as: Int.self) }
}
