/// A failure of this module: settings or tensors that do not describe a vector-quantized layer.
public struct VectorQuantizationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    case badSettings
    case unsupported
    case missingSettings
    case missingTensor
    case wrongShape
    case wrongType
    case codeOutOfRange
    case notAPermutation
    case cannotAbsorbPermutation
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the layer, tensor or option and says what is expected.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
