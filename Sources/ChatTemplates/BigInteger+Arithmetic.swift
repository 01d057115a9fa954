extension BigInteger: Comparable {
  /// Whether the left number is the smaller one.
  public static func < (left: BigInteger, right: BigInteger) -> Bool {
    if left.isNegative != right.isNegative { return left.isNegative }
    return left.isNegative ? isLess(right.words, left.words) : isLess(left.words, right.words)
  }

  private static func isLess(_ left: [UInt32], _ right: [UInt32]) -> Bool {
    left.count == right.count ? left.reversed().lexicographicallyPrecedes(right.reversed()) : left.count < right.count
  }

  static prefix func - (value: BigInteger) -> BigInteger {
    BigInteger(isNegative: !value.isNegative, words: value.words)
  }

  static func + (left: BigInteger, right: BigInteger) -> BigInteger {
    if left.isNegative == right.isNegative {
      return BigInteger(isNegative: left.isNegative, words: sum(left.words, right.words))
    }
    return isLess(left.words, right.words)
      ? BigInteger(isNegative: right.isNegative, words: difference(right.words, left.words))
      : BigInteger(isNegative: left.isNegative, words: difference(left.words, right.words))
  }

  static func - (left: BigInteger, right: BigInteger) -> BigInteger { left + -right }

  static func * (left: BigInteger, right: BigInteger) -> BigInteger {
    var result = [UInt32](repeating: 0, count: left.words.count + right.words.count)
    for (index, word) in left.words.enumerated() {
      var carry: UInt64 = 0
      for (offset, other) in right.words.enumerated() {
        carry += UInt64(result[index + offset]) + UInt64(word) * UInt64(other)
        result[index + offset] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      result[index + right.words.count] = UInt32(carry)
    }
    return BigInteger(isNegative: left.isNegative != right.isNegative, words: result)
  }

  private static func sum(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var carry: UInt64 = 0
    for index in 0..<max(left.count, right.count) {
      carry += UInt64(index < left.count ? left[index] : 0) + UInt64(index < right.count ? right[index] : 0)
      result.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    return result + [UInt32(carry)]
  }

  /// The difference of magnitudes; the left one is not the smaller.
  private static func difference(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var borrow: Int64 = 0
    for index in left.indices {
      let value = Int64(left[index]) - (index < right.count ? Int64(right[index]) : 0) + borrow
      result.append(UInt32(truncatingIfNeeded: value))
      borrow = value >> 32
    }
    return result
  }

  /// The magnitude, with its sign, times a power of two.
  func shifted(left count: Int) -> BigInteger {
    let (whole, bits) = count.quotientAndRemainder(dividingBy: 32)
    var result = [UInt32](repeating: 0, count: whole)
    var carry: UInt64 = 0
    for word in words {
      carry |= UInt64(word) << UInt64(bits)
      result.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    return BigInteger(isNegative: isNegative, words: result + [UInt32(carry)])
  }

  /// The magnitude, with its sign, without its lowest bits.
  func shifted(right count: Int) -> BigInteger {
    let (whole, bits) = count.quotientAndRemainder(dividingBy: 32)
    guard whole < words.count else { return BigInteger(0) }
    let kept = words[whole...]
    let result = kept.indices.map { index in
      let high: UInt64 = index + 1 < words.count ? UInt64(words[index + 1]) : 0
      return UInt32(truncatingIfNeeded: (high << 32 | UInt64(words[index])) >> UInt64(bits))
    }
    return BigInteger(isNegative: isNegative, words: result)
  }

  /// Quotient and rest of the magnitudes, both not negative; the divisor is not zero (Knuth, volume 2, algorithm D).
  func dividedByMagnitude(of divisor: BigInteger) -> (quotient: BigInteger, rest: BigInteger) {
    let count = divisor.words.count
    guard count <= words.count, count > 0 else { return (BigInteger(0), BigInteger(isNegative: false, words: words)) }
    let shift = divisor.words[count - 1].leadingZeroBitCount
    let low = divisor.shifted(left: shift).words
    var rest = shifted(left: shift).words
    while rest.count <= words.count { rest.append(0) }
    let top = UInt64(low[count - 1])
    let second = count > 1 ? UInt64(low[count - 2]) : 0
    var quotient = [UInt32](repeating: 0, count: words.count - count + 1)
    for place in quotient.indices.reversed() {
      let head = UInt64(rest[place + count]) << 32 | UInt64(rest[place + count - 1])
      let next = count > 1 ? UInt64(rest[place + count - 2]) : 0
      var digit = head / top
      var left = head % top
      while digit >> 32 != 0 || digit * second > left << 32 | next {
        digit -= 1
        left += top
        if left >> 32 != 0 { break }
      }
      var carry: UInt64 = 0
      var borrow: Int64 = 0
      for index in 0..<count {
        carry += digit * UInt64(low[index])
        let value = Int64(rest[place + index]) - Int64(carry & 0xffff_ffff) + borrow
        rest[place + index] = UInt32(truncatingIfNeeded: value)
        carry >>= 32
        borrow = value >> 32
      }
      let value = Int64(rest[place + count]) - Int64(carry) + borrow
      rest[place + count] = UInt32(truncatingIfNeeded: value)
      if value < 0 {
        // The estimate was one too high: add the divisor back.
        digit -= 1
        var carry: UInt64 = 0
        for index in 0..<count {
          carry += UInt64(rest[place + index]) + UInt64(low[index])
          rest[place + index] = UInt32(truncatingIfNeeded: carry)
          carry >>= 32
        }
        rest[place + count] = rest[place + count] &+ UInt32(carry)
      }
      quotient[place] = UInt32(digit)
    }
    return (
      BigInteger(isNegative: false, words: quotient),
      BigInteger(isNegative: false, words: rest).shifted(right: shift)
    )
  }

  /// Python's `divmod`: the quotient rounds down, the rest has the sign of the divisor; the divisor is not zero.
  func flooredDivision(by divisor: BigInteger) -> (quotient: BigInteger, rest: BigInteger) {
    let (quotient, rest) = dividedByMagnitude(of: divisor)
    let isInexact = !rest.words.isEmpty
    if isNegative == divisor.isNegative { return (quotient, isNegative ? -rest : rest) }
    let size = BigInteger(isNegative: false, words: divisor.words)
    let raised = isInexact ? quotient + BigInteger(1) : quotient
    let left = isInexact ? size - rest : rest
    return (-raised, divisor.isNegative ? -left : left)
  }
}
