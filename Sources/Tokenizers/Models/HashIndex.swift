/// Finds numbers by a hash of what they stand for, in one open-addressed table.
///
/// A slot has a number plus one in its lower bits and bits of its hash above them; it is zero where it is free. So small
/// a table mostly lies in the cache, and most keys that are not there are known without a look at what others stand for.
/// Slots of 64 bits keep so much of the hash that equal bits mean equal keys.
struct HashIndex<Slot: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable>: Sendable {
  private var slots: LargeArray<Slot>
  private let numberMask: Slot
  /// Whether no two keys have the same hash, as far as slots keep it.
  private(set) var hasDistinctHashes = true

  /// An empty table with room for `count` numbers up to `highest`, which is below 2³² − 1.
  init(count: Int, highest: Int) {
    // Not a power of two: the table is as large as it must be for look-ups to stay short.
    slots = LargeArray(repeating: 0, count: max(16, count + count / 2))
    numberMask = Slot.max >> Slot(truncatingIfNeeded: Slot(truncatingIfNeeded: highest + 1).leadingZeroBitCount)
  }

  /// A look-up that knows its first slot.
  ///
  /// Where there are many look-ups, `read` is to be called for all of them in a loop of its own: so short a loop has the
  /// processor wait for many slots at once.
  struct Probe {
    fileprivate let hash: UInt64
    fileprivate let index: Int
    fileprivate var slot: Slot = 0
  }

  /// Begins a look-up.
  ///
  /// The upper half of the hash gives the slot (D. Lemire, Fast random integer generation in an interval, section 3).
  @inline(__always)
  func probe(_ hash: UInt64) -> Probe { Self.probe(hash, slots.count) }

  @inline(__always)
  private static func probe(_ hash: UInt64, _ count: Int) -> Probe {
    Probe(
      hash: hash, index: Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: count)) >> 32))
  }

  /// Reads the first slot.
  @inline(__always)
  func read(_ probe: inout Probe) { probe.slot = slots.withUnsafeBufferPointer { $0[probe.index] } }

  /// The number that `isSame` accepts, or −1, after `read`; `isSame` is asked about those with the same hash, as far as
  /// that is kept.
  @inline(__always)
  func number(_ probe: Probe, isSame: (Int) -> Bool) -> Int {
    slots.withUnsafeBufferPointer { slots in
      var index = probe.index
      var slot = probe.slot
      while slot != 0 {
        if (slot ^ Slot(truncatingIfNeeded: probe.hash)) & ~numberMask == 0 {
          let number = Int(slot & numberMask) - 1
          if isSame(number) { return number }
        }
        index = index + 1 == slots.count ? 0 : index + 1
        slot = slots[index]
      }
      return -1
    }
  }

  /// The number for a hash that `isSame` accepts, or −1.
  @inline(__always)
  func number(_ hash: UInt64, isSame: (Int) -> Bool) -> Int {
    var probe = probe(hash)
    read(&probe)
    return number(probe, isSame: isSame)
  }

  /// Adds a number that is not the same as an earlier one; there must be room for it.
  mutating func insert(_ number: Int, _ hash: UInt64) {
    var index = probe(hash).index
    let slot = Slot(truncatingIfNeeded: hash) & ~numberMask | Slot(truncatingIfNeeded: number + 1)
    slots.withUnsafeMutableBufferPointer { slots in
      while slots[index] != 0 { index = index + 1 == slots.count ? 0 : index + 1 }
      slots[index] = slot
    }
  }

  /// So many numbers are added together.
  private static var batch: Int { 64 }

  /// Adds numbers with their hashes; one that is the same as an earlier one takes its place.
  mutating func fill(
    _ numbers: some RandomAccessCollection<Int>, hash: (Int) -> UInt64, isSame: (_ left: Int, _ right: Int) -> Bool
  ) {
    func number(_ offset: Int) -> Int { numbers[numbers.index(numbers.startIndex, offsetBy: offset)] }
    let mask = numberMask
    var isDistinct = hasDistinctHashes
    slots.withUnsafeMutableBufferPointer { slots in
      withUnsafeTemporaryAllocation(of: Probe.self, capacity: Self.batch) { probes in
        for start in stride(from: 0, to: numbers.count, by: Self.batch) {
          let count = min(Self.batch, numbers.count - start)
          for offset in 0..<count {
            probes.initializeElement(at: offset, to: Self.probe(hash(number(start + offset)), slots.count))
          }
          for offset in 0..<count { probes[offset].slot = slots[probes[offset].index] }
          for offset in 0..<count {
            let number = number(start + offset)
            let probe = probes[offset]
            let mark = Slot(truncatingIfNeeded: probe.hash) & ~mask
            var index = probe.index
            // One that was free may have been taken since.
            var slot = probe.slot != 0 ? probe.slot : slots[index]
            while slot != 0 {
              if slot & ~mask == mark {
                if isSame(Int(slot & mask) - 1, number) { break }
                isDistinct = false
              }
              index = index + 1 == slots.count ? 0 : index + 1
              slot = slots[index]
            }
            slots[index] = mark | Slot(truncatingIfNeeded: number + 1)
          }
        }
      }
    }
    hasDistinctHashes = isDistinct
  }
}
