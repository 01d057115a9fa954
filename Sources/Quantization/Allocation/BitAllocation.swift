import Foundation

/// Spends a budget of bits over matrices so that the expected loss is small.
///
/// Every matrix has offers, each a number of bits and the loss that it leaves. Only offers on the lower convex hull of
/// (bits, loss) can be best for some price of a bit; all steps along all hulls are taken in falling order of loss saved
/// per bit, as long as the budget lasts (Shoham and Gersho, 1988).
struct BitAllocation {
  /// One way to store one matrix.
  struct Offer: Equatable {
    let bits: Int
    let loss: Double
    /// What it takes to decode.
    var time = 0.0
  }

  /// As `choose(_:budget:)`, but of all choices that trade loss for time at one price the one that decodes fastest with at most
  /// `1 + slack` times the loss.
  static func choose(_ matrices: [[Offer]], budget: Int, slack: Double) -> [Int]? {
    guard let exact = choose(matrices, budget: budget) else { return nil }
    func total(_ choice: [Int], _ value: (Offer) -> Double) -> Double {
      zip(matrices, choice).reduce(0) { $0 + value($1.0[$1.1]) }
    }
    let (loss, time) = (total(exact, \.loss), total(exact, \.time))
    guard slack > 0, loss > 0, time > 0 else { return exact }
    var best = exact
    // The logarithm of the price of time, in halves of what is left of the range.
    var (low, high) = (-12.0, 6.0)
    for _ in 0..<24 {
      let price = exp2((low + high) / 2) * loss / time
      let priced = matrices.map { $0.map { Offer(bits: $0.bits, loss: $0.loss + price * $0.time) } }
      guard let choice = choose(priced, budget: budget) else { return best }
      if total(choice, \.loss) <= (1 + slack) * loss {
        low = (low + high) / 2
        if total(choice, \.time) < total(best, \.time) { best = choice }
      } else {
        high = (low + high) / 2
      }
    }
    return best
  }

  /// The index of the offer taken for each matrix, or nil if even the cheapest offers exceed `budget` bits.
  static func choose(_ matrices: [[Offer]], budget: Int) -> [Int]? {
    let hulls = matrices.map(hull)
    guard hulls.allSatisfy({ !$0.isEmpty }) else { return nil }
    var choice = hulls.map { $0[0] }
    var spent = zip(matrices, choice).reduce(0) { $0 + $1.0[$1.1].bits }
    guard spent <= budget else { return nil }
    struct Step {
      let matrix: Int
      let offer: Int
      let bits: Int
      let saved: Double
    }
    let steps = hulls.enumerated().flatMap { matrix, hull in
      zip(hull, hull.dropFirst()).map { from, to in
        let (a, b) = (matrices[matrix][from], matrices[matrix][to])
        return Step(
          matrix: matrix, offer: to, bits: b.bits - a.bits, saved: (a.loss - b.loss) / Double(b.bits - a.bits))
      }
    }
    // Steps of one matrix fall in value along its hull, so sorting keeps their order; a step that does not fit ends its
    // matrix, since the next one builds on it.
    var isEnded = [Bool](repeating: false, count: matrices.count)
    for step in steps.enumerated().sorted(by: {
      $0.element.saved != $1.element.saved ? $0.element.saved > $1.element.saved : $0.offset < $1.offset
    }).map(\.element) where !isEnded[step.matrix] {
      if spent + step.bits <= budget {
        spent += step.bits
        choice[step.matrix] = step.offer
      } else {
        isEnded[step.matrix] = true
      }
    }
    return choice
  }

  /// Indices of the offers on the lower convex hull, from the cheapest on.
  private static func hull(_ offers: [Offer]) -> [Int] {
    let order = offers.indices.sorted {
      (offers[$0].bits, offers[$0].loss, $0) < (offers[$1].bits, offers[$1].loss, $1)
    }
    var hull: [Int] = []
    for index in order {
      let offer = offers[index]
      if let last = hull.last, offer.loss >= offers[last].loss { continue }
      while hull.count > 1 {
        let (a, b) = (offers[hull[hull.count - 2]], offers[hull[hull.count - 1]])
        let rises = (a.loss - b.loss) * Double(offer.bits - b.bits) <= (b.loss - offer.loss) * Double(b.bits - a.bits)
        guard rises else { break }
        hull.removeLast()
      }
      hull.append(index)
    }
    return hull
  }
}
