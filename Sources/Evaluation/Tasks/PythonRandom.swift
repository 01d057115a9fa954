/// The random numbers of CPython's `random.Random`, by which `lm-eval` chooses examples: the Mersenne Twister MT19937
/// (Matsumoto and Nishimura, 1998), and `sample` as of Python 3.11.
struct PythonRandom {
  private var state: [UInt32]
  private var position = 624

  /// As `Random(seed)` for a seed of 32 bits.
  init(seed: UInt32) {
    state = [19_650_218]
    for index in 1..<624 {
      let last = state[index - 1]
      state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index))
    }
    // `init_by_array` with one key.
    var place = 1
    func next() {
      place += 1
      if place == 624 {
        state[0] = state[623]
        place = 1
      }
    }
    for _ in 0..<624 {
      let last = state[place - 1]
      state[place] = (state[place] ^ (last ^ last >> 30) &* 1_664_525) &+ seed
      next()
    }
    for _ in 0..<623 {
      let last = state[place - 1]
      state[place] = (state[place] ^ (last ^ last >> 30) &* 1_566_083_941) &- UInt32(place)
      next()
    }
    state[0] = 1 << 31
  }

  /// 32 bits.
  mutating func next() -> UInt32 {
    if position == 624 {
      for index in 0..<624 {
        let mixed = state[index] & 1 << 31 | state[(index + 1) % 624] & (1 << 31 - 1)
        state[index] = state[(index + 397) % 624] ^ mixed >> 1 ^ (mixed & 1 == 1 ? 0x9908_B0DF : 0)
      }
      position = 0
    }
    var value = state[position]
    position += 1
    value ^= value >> 11
    value ^= value << 7 & 0x9D2C_5680
    value ^= value << 15 & 0xEFC6_0000
    return value ^ value >> 18
  }

  /// A number below `limit`, which must be positive and fit in 32 bits.
  private mutating func below(_ limit: Int) -> Int {
    let bits = UInt32(Int.bitWidth - limit.leadingZeroBitCount)
    while true {
      let value = Int(next() >> (32 - bits))
      if value < limit { return value }
    }
  }

  /// `count` different places of a list of `size`, in the order in which they were drawn; `count` must not exceed `size`.
  mutating func sample(_ count: Int, of size: Int) -> [Int] {
    var largestPool = 21
    if count > 5 {
      // The least power of 4 that is not below three times the count.
      var power = 1
      while power < 3 * count { power *= 4 }
      largestPool += power
    }
    if size <= largestPool {
      var pool = Array(0..<size)
      return (0..<count).map { index in
        let place = below(size - index)
        defer { pool[place] = pool[size - index - 1] }
        return pool[place]
      }
    }
    var chosen: [Int] = []
    var seen: Set<Int> = []
    while chosen.count < count {
      let place = below(size)
      if seen.insert(place).inserted { chosen.append(place) }
    }
    return chosen
  }
}
