import JSONReader

/// A value and the share of all values that are at most as large.
public struct Quantile: Sendable, Equatable {
  /// The share, from 0 to 1.
  public var share: Double
  /// The value.
  public var value: Double

  /// A quantile.
  public init(share: Double, value: Double) {
    self.share = share
    self.value = value
  }

  /// `{"p50": value, …}`; shares are written in percent.
  static func json(_ quantiles: [Quantile]) -> JSONValue {
    .object(quantiles.map { (key: $0.name, value: .number($0.value)) })
  }

  static func read(_ reader: RecordReader) throws -> [Quantile] {
    try reader.members.compactMap { member in
      guard member.key.first == "p", let percent = Double(member.key.dropFirst()) else { return nil }
      return Quantile(share: percent / 100, value: try reader.number(member.key))
    }
  }

  /// `p50` for 0.5, `p99.9` for 0.999.
  public var name: String {
    let percent = (share * 1e6).rounded() / 1e4
    return percent == percent.rounded() ? "p\(Int(percent))" : "p\(percent)"
  }
}
