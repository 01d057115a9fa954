import Crypto
import Foundation

/// The running checksum of a blob, of the kind that its name is.
///
/// Large files (LFS) are named by the SHA-256 of their content, others by their git object id: the SHA-1 of
/// `blob LENGTH`, a zero byte and the content. Names of other hubs may be neither, and then only the length is checked.
struct BlobChecksum {
  private enum Function {
    case sha256(SHA256)
    case gitObject(Insecure.SHA1)
    case none
  }

  private let name: BlobName
  private var function: Function

  /// The checksum of no bytes yet, of a blob that will have `length`.
  init(of name: BlobName, length: Int) {
    self.name = name
    let isHexadecimal = name.text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
      default: false
      }
    }
    switch name.text.utf8.count {
    case 64 where isHexadecimal: function = .sha256(SHA256())
    case 40 where isHexadecimal:
      var hash = Insecure.SHA1()
      hash.update(data: Data("blob \(length)\0".utf8))
      function = .gitObject(hash)
    default: function = .none
    }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch function {
    case .sha256(var hash):
      // Taken out first, so that the state is changed in place.
      function = .none
      hash.update(bufferPointer: bytes)
      function = .sha256(hash)
    case .gitObject(var hash):
      function = .none
      hash.update(bufferPointer: bytes)
      function = .gitObject(hash)
    case .none: break
    }
  }

  /// Whether the bytes so far are the whole blob.
  var isRight: Bool {
    switch function {
    case .sha256(let hash): Self.hexadecimal(hash.finalize()) == name.text
    case .gitObject(let hash): Self.hexadecimal(hash.finalize()) == name.text
    case .none: true
    }
  }

  private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
