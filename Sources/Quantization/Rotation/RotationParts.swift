/// Which directions of a model are turned.
public struct RotationParts: OptionSet, Sendable, Hashable {
  /// The bits.
  public let rawValue: Int

  /// A set of bits.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Each key-value head's values, between the value and the output projection.
  public static let values = RotationParts(rawValue: 1)
  /// The residual stream, from the embedding to the head; a tied head becomes a matrix of its own.
  public static let residual = RotationParts(rawValue: 2)
}
