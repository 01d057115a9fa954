/// What `--bits` cares for where shapes of codes differ in loss and in the time they take to decode.
public enum AllocationPreference: String, CaseIterable, Sendable {
  /// The least loss.
  case accuracy
  /// Fast shapes, for some more loss.
  case speed

  /// How much more loss, as a share of the least there is, faster decoding may cost.
  var slack: Double {
    switch self {
    case .accuracy: 0
    case .speed: 0.05
    }
  }
}
