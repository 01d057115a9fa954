/// The name of a blob in the cache: the ETag by which the hub tells one content from another.
struct BlobName: Hashable, Sendable, CustomStringConvertible {
  let text: String

  /// The name that an `ETag` header gives, weak or strong; nil if it could not be the name of a file.
  init?(header: String) {
    var text = Substring(header)
    if text.hasPrefix("W/") { text.removeFirst(2) }
    if text.hasPrefix("\""), text.hasSuffix("\""), text.utf8.count >= 2 { text = text.dropFirst().dropLast() }
    let isName = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard isName, (1...200).contains(text.utf8.count), !text.hasPrefix(".") else { return nil }
    self.text = String(text)
  }

  var description: String { text }
}
