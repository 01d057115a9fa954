/// Paths of files in a repository, as a hub tells them.
enum RepositoryPath {
  /// Whether a path, joined to a folder, stays below it on every system: relative, no empty, `.` or `..` components, no
  /// backslash and no control character.
  static func isSafe(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= 1024 else { return false }
    guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
    return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { component in
      !component.isEmpty && component.count <= 255 && !component.elementsEqual(".".utf8)
        && !component.elementsEqual("..".utf8)
    }
  }

  /// The path as part of a URL; a slash is kept, or escaped as well where the path is one component of another.
  static func escaped(_ path: String, keepsSlashes: Bool) -> String {
    var text = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: "/") where keepsSlashes: text += "/"
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return text
  }
}
