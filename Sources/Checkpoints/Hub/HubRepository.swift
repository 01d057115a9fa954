import Foundation

/// A model or data set at a hub: its organization, its name and the revision that is meant.
public struct HubRepository: Sendable, Hashable, CustomStringConvertible {
  /// What a repository holds; each kind has its own names.
  public enum Kind: Sendable, Hashable {
    /// Configuration, weights and tokenizer.
    case model
    /// Rows of data.
    case dataSet
  }

  /// What it holds.
  public let kind: Kind
  /// `org/name`.
  public let id: String
  /// A branch, a tag or a commit id.
  public let revision: String

  /// The repository that a text like `org/name` or `org/name@revision` means, or nil if it follows no such grammar.
  ///
  /// Both names are letters, digits, `-`, `_` and `.`, together at most 96 characters; `-` and `.` are neither at an end
  /// nor doubled. The revision is `main` where neither the text nor `revision` gives one; giving both is not allowed.
  public init?(_ text: String, kind: Kind = .model, revision: String? = nil) {
    self.kind = kind
    let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let id = halves.first, Self.isRepository(id) else { return nil }
    let inText = halves.count > 1 ? String(halves[1]) : nil
    if inText != nil, revision != nil { return nil }
    self.id = String(id)
    self.revision = inText ?? revision ?? "main"
    // A revision is a path below `refs` in the cache.
    guard RepositoryPath.isSafe(self.revision) else { return nil }
  }

  /// `org/name`, with the revision unless it is `main`.
  public var description: String { revision == "main" ? id : "\(id)@\(revision)" }

  /// Its place in addresses of the hub for people and files, escaped: `org/name`, `datasets/org/name`.
  var address: String { kind == .model ? id : "datasets/\(id)" }

  /// Its place in addresses of the hub's interface for programs.
  var interfaceAddress: String { (kind == .model ? "models/" : "datasets/") + id }

  /// The name of its folder in the cache.
  var folderName: String { (kind == .model ? "models--" : "datasets--") + id.replacingOccurrences(of: "/", with: "--") }

  /// What messages call its kind.
  var noun: String { kind == .model ? "model" : "data set" }

  private static func isRepository(_ id: Substring) -> Bool {
    let parts = id.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, id.utf8.count <= 96, !id.hasSuffix(".git") else { return false }
    return parts.allSatisfy { part in
      func isEdge(_ character: Character?) -> Bool { character == nil || character == "-" || character == "." }
      return !isEdge(part.first) && !isEdge(part.last) && !part.contains("--") && !part.contains("..")
        && part.utf8.allSatisfy(Self.isNameByte)
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
