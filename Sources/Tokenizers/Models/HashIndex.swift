/// Finds numbers by a hash of what they stand for, in one open-addressed table.
///
/// A slot has a number plus one in its lower bits and bits of its hash above them; it is zero where it is free. So small
/// a table mostly lies in the cache, and most keys that are not there are known without a look at what others stand for.
struct HashIndex: Sendable {
  private var slots: [UInt32]
  private let numberMask: UInt32

  /// An empty table with room for `count` numbers up to `highest`, which is below 2³² − 1.
  init(count: Int, highest: Int) {
    // Not a power of two: the table is as large as it must be for look-ups to stay short.
    slots = Array(repeating: 0, count: max(16, count + count / 2 + count / 8))
    numberMask = UInt32.max >> UInt32(UInt32(truncatingIfNeeded: highest + 1).leadingZeroBitCount)
  }

  /// A look-up that has read its first slot and not looked at it: many of them wait for memory together.
  struct Probe {
    fileprivate let hash: UInt64
    fileprivate let index: Int
    fileprivate let slot: UInt32
  }

  /// Begins a look-up.
  ///
  /// The upper half of the hash gives the slot (D. Lemire, Fast random integer generation in an interval, section 3).
  @inline(__always)
  func probe(_ hash: UInt64) -> Probe {
    let index = Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: slots.count)) >> 32)
    return Probe(hash: hash, index: index, slot: slots.withUnsafeBufferPointer { $0[index] })
  }

  /// The number that the first slot has, or zero: most often the one looked for.
  @inline(__always)
  func candidate(_ probe: Probe) -> Int { max(0, Int(probe.slot & numberMask) - 1) }

  /// The number that `isSame` accepts, or −1; it is asked about those with the same hash, as far as that is kept.
  @inline(__always)
  func number(_ probe: Probe, isSame: (Int) -> Bool) -> Int {
    slots.withUnsafeBufferPointer { slots in
      var index = probe.index
      var slot = probe.slot
      while slot != 0 {
        if (slot ^ UInt32(truncatingIfNeeded: probe.hash)) & ~numberMask == 0 {
          let number = Int(slot & numberMask) - 1
          if isSame(number) { return number }
        }
        index = index + 1 == slots.count ? 0 : index + 1
        slot = slots[index]
      }
      return -1
    }
  }

  /// Adds numbers with their hashes; one that is the same as an earlier one takes its place.
  mutating func fill(_ numbers: some Sequence<(hash: UInt64, number: Int)>, isSame: (_ left: Int, _ right: Int) -> Bool)
  {
    let mask = numberMask
    slots.withUnsafeMutableBufferPointer { slots in
      for (hash, number) in numbers {
        let mark = UInt32(truncatingIfNeeded: hash) & ~mask
        var index = Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: slots.count)) >> 32)
        while slots[index] != 0, slots[index] & ~mask != mark || !isSame(Int(slots[index] & mask) - 1, number) {
          index = index + 1 == slots.count ? 0 : index + 1
        }
        slots[index] = mark | UInt32(truncatingIfNeeded: number + 1)
      }
    }
  }
}
