public import Tensors

/// A distinct input that linear layers of a block read; layers that share one share its second moment.
public struct LinearInput: Hashable, Sendable, CustomStringConvertible {
  /// Its name, for instance `attention` or `expert 7`.
  public let description: String

  private init(_ description: String) { self.description = description }

  /// The normalised residual stream before attention.
  public static let attention = LinearInput("attention")
  /// The normalised latent vector that queries are made from.
  public static let queryLatent = LinearInput("query latent")
  /// The normalised latent vector that keys and values are made from.
  public static let keyValueLatent = LinearInput("key-value latent")
  /// The mixed values before the output projection.
  public static let attentionOutput = LinearInput("attention output")
  /// The normalised residual stream before the feed-forward layer.
  public static let feedForward = LinearInput("feed-forward")
  /// The gated activations before the down projection.
  public static let feedForwardOutput = LinearInput("feed-forward output")
  /// The gated activations of the shared expert.
  public static let sharedExpertOutput = LinearInput("shared expert output")

  /// The feed-forward input of those tokens that the router sends to one expert.
  public static func expert(_ index: Int) -> LinearInput { LinearInput("expert \(index)") }

  /// The gated activations of one expert.
  public static func expertOutput(_ index: Int) -> LinearInput { LinearInput("expert \(index) output") }
}

/// What is told about the inputs of linear layers: which, its values `[rows, width]`, rows.
package typealias InputObserver = (LinearInput, UnsafePointer<Float>, Int) -> Void

/// One quantizable matrix of a block: where it lies and what it reads.
public struct BlockLinear: Sendable, Equatable {
  /// Its name below the block, for instance `self_attn.q_proj`.
  public let name: String
  /// Which input it reads.
  public let input: LinearInput
  /// `[outFeatures, inFeatures]`.
  public let shape: Shape
  /// An input of the same width that may stand in where no calibration token reaches `input`.
  public var substitute: LinearInput?
}
