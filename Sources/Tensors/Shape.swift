/// The extents of a tensor, outermost first; an empty list is a scalar.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The extents, each at least 0.
  public let dimensions: [Int]

  /// A shape whose extents are known to be non-negative and whose element count fits an `Int`.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "negative extent in \(dimensions)")
    self.dimensions = dimensions
  }

  /// A shape from literal extents.
  public init(arrayLiteral elements: Int...) {
    self.init(elements)
  }

  /// The number of extents.
  public var rank: Int { dimensions.count }

  /// The product of the extents: 1 for a scalar.
  public var elementCount: Int { dimensions.reduce(1, *) }

  /// The extent at one axis.
  public subscript(axis: Int) -> Int { dimensions[axis] }

  /// The product of `dimensions` if every extent is non-negative and nothing overflows.
  public static func checkedElementCount(_ dimensions: [Int]) -> Int? {
    var count = 1
    for extent in dimensions {
      guard extent >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      count = product
    }
    return count
  }

  /// For instance `[576, 1536]`.
  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
