import Foundation
import VectorQuantization

/// How the codes of one stage of a layer, or of several layers, use their centroids.
package struct CodebookUse: Sendable, Equatable {
  /// Names of the bins of `histogram`: how often a centroid is named, over how often it would be if all were named alike.
  package static let binNames = ["0", "< 1/16", "1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8", "≥ 16"]

  /// Centroids of all groups.
  package private(set) var centroids = 0
  /// Centroids that at least one code names.
  package private(set) var used = 0
  /// Codes.
  package private(set) var codes = 0
  /// Bits in which these codes are stored.
  package private(set) var indexBits = 0
  /// Bits that these codes would take if each group's were stored as short as their frequencies allow.
  package private(set) var entropyBits = 0.0
  /// How many centroids fall into each bin; bins are named by `binNames`, each reaching from its name to the next one.
  package private(set) var histogram = [Int](repeating: 0, count: Self.binNames.count)

  /// Nothing yet.
  package init() {}

  /// The use of codebooks of several groups, from how often each centroid is named.
  package init(_ counts: [[Int]], bitsPerCode: Int) {
    for group in counts {
      let total = group.reduce(0, +)
      centroids += group.count
      codes += total
      indexBits += total * bitsPerCode
      for count in group where total > 0 {
        let share = Double(count) / Double(total)
        if count > 0 {
          used += 1
          entropyBits -= Double(count) * log2(share)
        }
        histogram[Self.bin(share * Double(group.count))] += 1
      }
      if total == 0 { histogram[0] += group.count }
    }
    entropyBits = max(0, entropyBits)
  }

  /// The share of centroids that are used.
  package var usedShare: Double { Double(used) / Double(max(1, centroids)) }
  /// Mean bits of information in a code.
  package var entropyPerCode: Double { entropyBits / Double(max(1, codes)) }
  /// Mean bits in which a code is stored.
  package var bitsPerCode: Double { Double(indexBits) / Double(max(1, codes)) }
  /// Information over stored bits, 1 where all centroids are named alike.
  package var efficiency: Double { entropyBits / Double(max(1, indexBits)) }

  /// The use of both.
  package static func + (left: CodebookUse, right: CodebookUse) -> CodebookUse {
    var sum = left
    sum.centroids += right.centroids
    sum.used += right.used
    sum.codes += right.codes
    sum.indexBits += right.indexBits
    sum.entropyBits += right.entropyBits
    for bin in sum.histogram.indices { sum.histogram[bin] += right.histogram[bin] }
    return sum
  }

  /// `relative` is 1 for a centroid that is named as often as all are on average.
  static func bin(_ relative: Double) -> Int {
    if relative <= 0 { return 0 }
    // log2 of 1/16 is −4, the lower end of bin 2.
    return min(binNames.count - 1, max(1, Int(log2(relative).rounded(.down)) + 6))
  }
}
