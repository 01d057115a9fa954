import Foundation

/// The processor time of a piece of work, which other programs on the machine change little.
enum ProcessorTime {
  /// Seconds of one run of `body`: the least of the runs that fit into a fiftieth of a second, and of two at least.
  static func seconds(_ body: () -> Void) -> Double {
    var (least, total) = (Double.infinity, 0.0)
    var runs = 0
    while runs < 2 || total < 0.02 {
      let start = clock()
      body()
      let taken = Double(clock() - start) / Double(CLOCKS_PER_SEC)
      (least, total, runs) = (min(least, taken), total + max(taken, 1e-6), runs + 1)
    }
    return max(least, 1e-9)
  }
}
