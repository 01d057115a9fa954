/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers in every run.
public struct SplitMix {
  private var state: UInt64

  /// Numbers that follow from a start.
  public init(state: UInt64) { self.state = state }

  /// A number below `limit`.
  public mutating func next(_ limit: UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return (value ^ value >> 31) % limit
  }

  /// A number below `limit`.
  public mutating func next(_ limit: Int) -> Int { Int(next(UInt64(limit))) }
}
