public import Tensors

/// A matrix of a model: `y = x Wᵀ + b`, whatever form the weight is kept in.
public protocol Linear: Sendable {
  /// Width of the input.
  var inFeatures: Int { get }
  /// Width of the output.
  var outFeatures: Int { get }
  /// Bytes of the weight as they lie in the checkpoint.
  var storedBytes: Int { get }

  /// Runs `body` with the loops of `y[tokens, outFeatures]` from `x[tokens, inFeatures]`, both row-major. The loops are good for as long as `body`
  /// runs, which runs them once; until then `x` need not be there.
  ///
  /// - Parameter share: which share of all weights that are multiplied in the same loops this matrix has.
  func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body)
}

extension Linear {
  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]` in whichever way is fastest.
  public func apply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    apply(x, tokens: tokens, grouping: .fastest, into: y)
  }

  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]`, both row-major.
  public func apply(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>
  ) {
    apply(InputRows(x, count: tokens), grouping: grouping, into: y)
  }

  /// The same from rows that may still have to be made.
  func apply(_ x: InputRows, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>) {
    guard x.count > 0 else { return }
    withLoops(x.values, tokens: x.count, grouping: grouping, into: y, share: 1) {
      ProductLoops.run(tokens: x.count, make: x.make, prepares: $0, prepare: $1, taskCount: $2, run: $3)
    }
  }
}

/// Matrices that read the same input, each with where its output goes, are multiplied in the same loops; those of a long prompt one after the other, since
/// each keeps the input in a form of its own for as long as its loops last.
struct LinearProducts {
  let products: [(linear: any Linear, output: UnsafeMutablePointer<Float>)]

  /// The most numbers of input that matrices keep together: a mebibyte or less in each form.
  private static let sharedNumbers = 1 << 17

  init(_ products: (linear: any Linear, output: UnsafeMutablePointer<Float>)...) { self.products = products }

  func apply(_ x: InputRows, grouping: TokenGrouping) {
    guard x.count > 0, let first = products.first else { return }
    if x.count * first.linear.inFeatures > Self.sharedNumbers {
      first.linear.apply(x, grouping: grouping, into: first.output)
      let made = InputRows(x.values, count: x.count)
      for (linear, output) in products.dropFirst() { linear.apply(made, grouping: grouping, into: output) }
      return
    }
    let outputs = products.reduce(0) { $0 + $1.linear.outFeatures }
    func collect(
      _ index: Int, _ prepares: Bool, _ prepare: (Range<Int>) -> Void, _ taskCount: Int, _ run: (Int) -> Void
    ) {
      guard index < products.count else {
        return ProductLoops.run(
          tokens: x.count, make: x.make, prepares: prepares, prepare: prepare, taskCount: taskCount, run: run)
      }
      let (linear, output) = products[index]
      linear.withLoops(
        x.values, tokens: x.count, grouping: grouping, into: output, share: Double(linear.outFeatures) / Double(outputs)
      ) { ownPrepares, ownPrepare, ownCount, ownRun in
        collect(
          index + 1, prepares || ownPrepares,
          { range in
            prepare(range)
            ownPrepare(range)
          }, taskCount + ownCount, { task in task < taskCount ? run(task) : ownRun(task - taskCount) })
      }
    }
    collect(0, false, { _ in }, 0, { _ in })
  }
}

/// Whether tokens of one forward pass share work. Both ways give the same values up to rounding; within one way the values
/// of a token do not depend on which others are there.
public enum TokenGrouping: Sendable {
  /// Whichever is faster for so many tokens.
  case fastest
  /// Each token by itself, straight from the stored weights.
  case alone
  /// All tokens share unpacked tiles of the weights.
  case together

  /// Whether tiles are used for `tokens` tokens where up to `limit` are faster by themselves.
  func usesTiles(tokens: Int, limit: Int) -> Bool {
    switch self {
    case .fastest: tokens > limit
    case .alone: false
    case .together: true
    }
  }
}
