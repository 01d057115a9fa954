/// A checkpoint that cannot be read or written as asked.
public struct CheckpointError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// A file or folder is not there.
    case missingFile
    /// A file does not follow its format.
    case malformedFile
    /// A valid file uses something this package does not read.
    case unsupported
    /// A tensor is not in the checkpoint, or not in the file that the index names.
    case missingTensor
    /// A file cannot be written: the disk is full, a limit is reached, or permission is missing.
    case cannotWrite
    /// Tensors were handed to a writer in another order or form than declared.
    case wrongDeclaration
    /// The hub has no such model, revision or file.
    case notFound
    /// The hub wants a token, or another one, or the terms of a model accepted.
    case accessDenied
    /// The hub cannot be reached, or only the cache may be used and lacks something.
    case unreachable
    /// The hub answers against its own interface, or dangerously.
    case badAnswer
    /// A downloaded file is not what its checksum promises.
    case damagedDownload
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the file or tensor and says what is wrong.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
