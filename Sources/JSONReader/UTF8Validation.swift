/// Whether bytes are valid UTF-8 (Unicode Standard, table 3-7).
package enum UTF8Validation {
  /// Whether all of the bytes are whole, shortest-form sequences of Unicode scalars.
  package static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = 0
    while index < bytes.count {
      let lead = bytes[index]
      if lead < 0x80 {
        index += 1
        continue
      }
      let length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
      guard lead >= 0xc2, lead <= 0xf4, index + length <= bytes.count else { return false }
      let second = bytes[index + 1]
      guard second & 0xc0 == 0x80 else { return false }
      if length > 2 {
        switch lead {
        case 0xe0: if second < 0xa0 { return false }
        case 0xed: if second >= 0xa0 { return false }
        case 0xf0: if second < 0x90 { return false }
        case 0xf4: if second >= 0x90 { return false }
        default: break
        }
        for offset in 2..<length where bytes[index + offset] & 0xc0 != 0x80 { return false }
      }
      index += length
    }
    return true
  }
}
