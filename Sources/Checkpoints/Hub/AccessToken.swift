import Foundation

/// A secret that shows itself to nobody but the request it is put into.
struct AccessToken: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let scheme: String
  /// The secret itself.
  let value: String

  /// The token in a variable or file, without the spaces and line ends around it; nil if nothing is left, or if it
  /// has characters that a header cannot carry.
  init?(_ text: String) {
    let bytes = text.utf8.drop { $0 <= 0x20 }
    guard let last = bytes.lastIndex(where: { $0 > 0x20 }) else { return nil }
    let token = bytes[...last]
    guard token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    scheme = "Bearer"
    value = String(decoding: token, as: UTF8.self)
  }

  /// A name and a password (RFC 7617).
  init(name: String, password: String) {
    scheme = "Basic"
    value = Data("\(name):\(password)".utf8).base64EncodedString()
  }

  /// The value of the `Authorization` header.
  var header: String { "\(scheme) \(value)" }

  var description: String { "(an access token)" }
  var debugDescription: String { description }
  var customMirror: Mirror { Mirror(self, children: []) }
}
