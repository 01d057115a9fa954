import CKernels

/// The keys, or the values, of one head of one block in a cache: a row for each position.
struct CachedRows {
  let form: CacheForm
  /// Row 0.
  let entries: UnsafeMutableRawPointer
  /// What each row's bytes are multiplied by; nil but for `int8`.
  let scales: UnsafeMutablePointer<Float>?
  /// Entries from one row to the next.
  let stride: Int

  /// The rows from a position on.
  func from(_ position: Int) -> CachedRows {
    CachedRows(
      form: form, entries: entries + position * stride * form.entryBytes, scales: scales.map { $0 + position },
      stride: stride)
  }

  /// Asks memory for the first of `count` rows, which attention will read soon; it asks for those that follow itself.
  func prefetch(count: Int) {
    ck_prefetch(entries, min(count, Int(CK_POSITIONS_AHEAD)) * stride * form.entryBytes)
  }

  /// Copies the first `count` rows of others of the same form and width.
  func take(first count: Int, of other: CachedRows) {
    entries.copyMemory(from: other.entries, byteCount: count * stride * form.entryBytes)
    if let scales, let others = other.scales { scales.update(from: others, count: count) }
  }

  /// Keeps a row of `stride` numbers.
  func store(_ row: UnsafePointer<Float>, at position: Int) {
    let target = entries + position * stride * form.entryBytes
    switch form {
    case .float32: target.assumingMemoryBound(to: Float.self).update(from: row, count: stride)
    case .float16:
      ck_active().pointee.f32_to_f16(row, target.assumingMemoryBound(to: UInt16.self), stride)
    case .int8: storeBytes(row, target.assumingMemoryBound(to: Int8.self), position)
    }
  }

  private func storeBytes(_ row: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Int8>, _ position: Int) {
    var largest: Float = 0
    var isFinite = true
    for entry in 0..<stride {
      largest = max(largest, abs(row[entry]))
      isFinite = isFinite && row[entry].isFinite
    }
    // A row that is not finite stays so by its scale. Of what is too small for a factor nothing is left.
    let factor = 127 / largest
    let isKept = isFinite && factor.isFinite
    scales?[position] = isFinite ? largest / 127 : .nan
    for entry in 0..<stride { target[entry] = isKept ? Int8((row[entry] * factor).rounded()) : 0 }
  }

  /// `count` numbers of a row from its entry `first` on, in float32.
  func read(_ position: Int, first: Int, count: Int, into target: UnsafeMutablePointer<Float>) {
    let source = UnsafeRawPointer(entries + (position * stride + first) * form.entryBytes)
    switch form {
    case .float32: target.update(from: source.assumingMemoryBound(to: Float.self), count: count)
    case .float16: ck_active().pointee.f16_to_f32(source.assumingMemoryBound(to: UInt16.self), target, count)
    case .int8:
      let (bytes, scale) = (source.assumingMemoryBound(to: Int8.self), scales?[position] ?? 1)
      for entry in 0..<count { target[entry] = Float(bytes[entry]) * scale }
    }
  }

  /// Multiplies a number for each row by the row's scale.
  func scale(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
    guard let scales else { return }
    for position in 0..<count { numbers[position] *= scales[position] }
  }
}
