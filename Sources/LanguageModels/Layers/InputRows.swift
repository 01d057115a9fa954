import Tensors

/// The tokens that matrices read, `[count, width]`, which may still have to be made: the loop that reads them first makes them, each by the thread that needs
/// it, so that no thread waits for another before.
struct InputRows {
  let values: UnsafePointer<Float>
  let count: Int
  /// Makes some of the rows, once; nil where they are there.
  let make: ((Range<Int>) -> Void)?

  init(_ values: UnsafePointer<Float>, count: Int, make: ((Range<Int>) -> Void)? = nil) {
    self.values = values
    self.count = count
    self.make = make
  }

  /// The same, once all rows are there.
  func made() -> InputRows {
    if let make { ProductLoops.forRanges(tokens: count, make) }
    return InputRows(values, count: count)
  }

  /// The same, once `observe` was told of them, who needs them all.
  func told(_ input: LinearInput, _ observe: InputObserver?) -> InputRows {
    guard let observe else { return self }
    let rows = made()
    observe(input, rows.values, rows.count)
    return rows
  }
}
