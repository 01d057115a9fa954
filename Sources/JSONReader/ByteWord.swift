/// Eight bytes of text as one number, the first byte lowest, and questions put to all of them at once.
///
/// Each answer has the highest bit of every byte for which it is true. Bytes are compared without a carry from one to
/// the next (H. Warren, Hacker's Delight, section 6-1), so all answers are exact, not only the first.
@usableFromInline
package struct ByteWord {
  @usableFromInline
  package let bits: UInt64

  /// The eight bytes at an offset of `bytes`, which must have them.
  @inlinable @inline(__always)
  package init(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) {
    bits = UInt64(
      littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// A byte eight times.
  @inlinable @inline(__always)
  static func repeating(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

  /// Which bytes are not ASCII.
  @inlinable @inline(__always)
  package var nonASCII: UInt64 { bits & Self.repeating(0x80) }

  /// Which bytes are below a limit of at most 0x80.
  @inlinable @inline(__always)
  package func below(_ limit: UInt8) -> UInt64 {
    let atLeast = (bits & Self.repeating(0x7f)) &+ Self.repeating(0x80 &- limit)
    return ~(atLeast | bits) & Self.repeating(0x80)
  }

  /// Which bytes are this ASCII character.
  @inlinable @inline(__always)
  package func equal(to byte: UInt8) -> UInt64 {
    let difference = bits ^ Self.repeating(byte)
    return ~(((difference & Self.repeating(0x7f)) &+ Self.repeating(0x7f)) | difference) & Self.repeating(0x80)
  }
}
