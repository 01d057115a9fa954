/// Bits to spend on all matrices of a model together.
public struct BitBudget: Sendable, Equatable {
  /// Bits per weight as stored, on average.
  public var bits: Double
  /// What the choice of shapes cares for.
  public var preference: AllocationPreference

  /// A budget with its preference.
  public init(bits: Double, preference: AllocationPreference = .accuracy) {
    self.bits = bits
    self.preference = preference
  }
}
