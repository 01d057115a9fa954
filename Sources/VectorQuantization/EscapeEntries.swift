/// The entries that each code needs beside its bytes, one list after the other.
struct EscapeEntries {
  /// Where the list of each code begins, and where the last one ends.
  private var starts: [UInt32] = [0]
  private var entries: [UInt16] = []

  /// The lists that `add` appends, for codes `0..<count`.
  init(count: Int, _ add: (_ code: Int, _ entries: inout [UInt16]) -> Void) {
    starts.reserveCapacity(count + 1)
    for code in 0..<count {
      add(code, &entries)
      starts.append(UInt32(truncatingIfNeeded: entries.count))
    }
  }

  /// At most one entry for each code.
  init(_ entries: [UInt16?]) {
    self.init(count: entries.count) { code, list in
      if let entry = entries[code] { list.append(entry) }
    }
  }

  /// Whether no code needs any.
  var isEmpty: Bool { entries.isEmpty }

  /// Calls `body` with what finds the entries of a code.
  func withReader<Result>(_ body: (Reader) -> Result) -> Result {
    starts.withUnsafeBufferPointer { starts in
      entries.withUnsafeBufferPointer { entries in body(Reader(starts: starts, entries: entries)) }
    }
  }

  /// Finds the entries of codes.
  struct Reader: @unchecked Sendable {
    fileprivate let starts: UnsafeBufferPointer<UInt32>
    fileprivate let entries: UnsafeBufferPointer<UInt16>

    /// The entries of a code.
    @inline(__always)
    subscript(code: Int) -> Slice<UnsafeBufferPointer<UInt16>> {
      entries[Int(starts[code])..<Int(starts[code + 1])]
    }
  }
}
