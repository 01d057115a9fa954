import CKernels
import Foundation

/// Times the search for nearest centroids on one thread: `Search-timings DIMENSION VECTORS CENTROIDS ITERATIONS CODES`;
/// `Scripts/compare_search.py` runs it beside packages from PyPI.
///
/// VECTORS and CENTROIDS are files of float32; the number of centroids is a power of two of at least 16. Writes the codes
/// of the vectors (int32) to CODES and prints one JSON object: vectors a second, in seconds of the processor, through all
/// centroids, by the tree (with the time to build it), by the tree with the right answer as a hint, and for the eight nearest;
/// and the seconds of ITERATIONS of k-means.
@main
enum SearchTimings {
  static func main() throws {
    guard CommandLine.arguments.count == 6, let dimension = Int(CommandLine.arguments[1]),
      let iterations = Int(CommandLine.arguments[4])
    else {
      FileHandle.standardError.write(
        Data("usage: Search-timings DIMENSION VECTORS CENTROIDS ITERATIONS CODES\n".utf8))
      exit(64)
    }
    let vectors = try floats(CommandLine.arguments[2])
    var centroids = try floats(CommandLine.arguments[3])
    let count = vectors.count / dimension
    var search = Search(centroids, dimension: dimension)
    var codes = [Int32](repeating: 0, count: count)
    var scores = [Float](repeating: 0, count: count)
    // Warms up, and no more than a second or so of the slow way.
    let part = min(count, max(1000, 1 << 31 / (centroids.count)))
    let brute = seconds { search.brute(vectors, part, &codes, &scores) }
    let expected = codes.prefix(part)
    let build = seconds { search = Search(centroids, dimension: dimension) }
    let tree = seconds { search.nearest(vectors, count, nil, 1, &codes, &scores) }
    let isExact = codes.prefix(part) == expected
    let hints = codes
    let hinted = seconds { search.nearest(vectors, count, hints, 1, &codes, &scores) }
    var (beam, beamScores) = ([Int32](repeating: 0, count: 8 * count), [Float](repeating: 0, count: 8 * count))
    let eight = seconds { search.nearest(vectors, count, nil, 8, &beam, &beamScores) }
    try codes.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: CommandLine.arguments[5])) }
    let means = seconds {
      for iteration in 0..<iterations {
        let search = Search(centroids, dimension: dimension)
        let hints = codes
        search.assign(vectors, count, iteration == 0 ? nil : hints, &codes, &scores)
        move(&centroids, to: vectors, codes: codes, dimension: dimension)
      }
    }
    let figures: KeyValuePairs = [
      "brute": Double(part) / brute, "tree": Double(count) / tree, "hinted": Double(count) / hinted,
      "eight": Double(count) / eight, "build_seconds": build, "means_seconds": means,
    ]
    print("{" + figures.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + ", \"exact\": \(isExact)}")
  }

  private static func floats(_ path: String) throws -> [Float] {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    return [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
      count = data.copyBytes(to: buffer) / 4
    }
  }

  private static func seconds(_ body: () -> Void) -> Double {
    let start = clock()
    body()
    return Double(clock() - start) / Double(CLOCKS_PER_SEC)
  }

  /// Every centroid to the mean of its vectors; one without vectors stays.
  private static func move(_ centroids: inout [Float], to vectors: [Float], codes: [Int32], dimension: Int) {
    var sums = [Double](repeating: 0, count: centroids.count)
    var counts = [Double](repeating: 0, count: centroids.count / dimension)
    for (n, code) in codes.enumerated() {
      counts[Int(code)] += 1
      for e in 0..<dimension { sums[Int(code) * dimension + e] += Double(vectors[n * dimension + e]) }
    }
    for k in counts.indices where counts[k] > 0 {
      for e in 0..<dimension { centroids[k * dimension + e] = Float(sums[k * dimension + e] / counts[k]) }
    }
  }
}
