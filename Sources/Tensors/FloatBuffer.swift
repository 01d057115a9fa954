/// Floats of fixed number in memory of their own, aligned to a cache line, for work that writes them in place.
package final class FloatBuffer: @unchecked Sendable {
  /// The first of `count` floats; valid while this object lives.
  package let base: UnsafeMutablePointer<Float>
  /// How many there are.
  package let count: Int

  /// `count` zeros.
  package init(count: Int) {
    self.count = count
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    base.initialize(repeating: 0, count: max(count, 1))
  }

  /// A copy of `values`.
  package convenience init(_ values: [Float]) {
    self.init(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let source = source.baseAddress { base.update(from: source, count: count) }
    }
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  /// Sets every float to zero.
  package func clear() { base.update(repeating: 0, count: count) }

  /// A copy of all floats.
  package var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
