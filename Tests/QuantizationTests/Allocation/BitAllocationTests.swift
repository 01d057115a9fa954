import Foundation
import Tensors
import Testing

@testable import Quantization

struct BitAllocationTests {
  /// Offers whose loss falls with the bits, not always convexly.
  private func offers(seed: UInt64) -> [[BitAllocation.Offer]] {
    var random = CounterRandom(seed: seed, stream: 1)
    return (0..<4).map { _ in
      var loss = 1 + random.uniform() * 100
      return (1...5).map { step in
        loss *= 0.2 + 0.7 * random.uniform()
        return BitAllocation.Offer(bits: step * 10, loss: loss)
      }
    }
  }

  private func total(_ offers: [[BitAllocation.Offer]], _ choice: [Int]) -> (bits: Int, loss: Double) {
    zip(offers, choice).reduce((0, 0.0)) { ($0.0 + $1.0[$1.1].bits, $0.1 + $1.0[$1.1].loss) }
  }

  /// Of all choices that leave room for one more step of 40 bits, the longest there is.
  @Test(arguments: 0..<8 as Range<UInt64>) func noChoiceThatLeavesAStepIsBetter(seed: UInt64) throws {
    let offers = offers(seed: seed)
    for budget in stride(from: 40, through: 200, by: 15) {
      let choice = try #require(BitAllocation.choose(offers, budget: budget))
      let found = total(offers, choice)
      #expect(found.bits <= budget)
      for number in 0..<625 {
        let other = total(offers, [number % 5, number / 5 % 5, number / 25 % 5, number / 125])
        if other.bits <= budget - 40 { #expect(other.loss >= found.loss * (1 - 1e-12), "\(choice) at \(budget)") }
      }
    }
  }

  /// Bits, loss and time in proportions of their own.
  private func timedOffers(seed: UInt64) -> [[BitAllocation.Offer]] {
    var random = CounterRandom(seed: seed, stream: 2)
    return (0..<6).map { _ in
      (0..<12).map { _ in
        let bits = 10 + Int(random.uniform() * 50)
        return BitAllocation.Offer(
          bits: bits, loss: 1e3 * exp2(-Double(bits) / 10) * (0.7 + random.uniform()), time: 1 + 4 * random.uniform())
      }
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>) func fasterChoicesKeepToTheBudgetAndTheSlack(seed: UInt64) throws {
    let offers = timedOffers(seed: seed)
    func time(_ choice: [Int]) -> Double { zip(offers, choice).reduce(0) { $0 + $1.0[$1.1].time } }
    let exact = try #require(BitAllocation.choose(offers, budget: 240))
    #expect(BitAllocation.choose(offers, budget: 240, slack: 0) == exact)
    var last = time(exact)
    for slack in [0.01, 0.1, 0.5, 2] {
      let choice = try #require(BitAllocation.choose(offers, budget: 240, slack: slack))
      #expect(total(offers, choice).bits <= 240)
      #expect(total(offers, choice).loss <= total(offers, exact).loss * (1 + slack))
      #expect(time(choice) <= last)
      last = time(choice)
    }
    #expect(last < time(exact))
    #expect(BitAllocation.choose(offers, budget: 50, slack: 1) == nil)
  }

  @Test func ofEqualLossesTheFastestIsTaken() {
    let twins = [
      BitAllocation.Offer(bits: 10, loss: 8, time: 1), BitAllocation.Offer(bits: 20, loss: 4, time: 3),
      BitAllocation.Offer(bits: 20, loss: 4.01, time: 1),
    ]
    #expect(BitAllocation.choose([twins, twins], budget: 40, slack: 0) == [1, 1])
    #expect(BitAllocation.choose([twins, twins], budget: 40, slack: 0.01) == [2, 2])
  }

  @Test func refusesABudgetBelowTheCheapestOffers() {
    #expect(BitAllocation.choose(offers(seed: 1), budget: 39) == nil)
    #expect(BitAllocation.choose(offers(seed: 1), budget: 40) == [0, 0, 0, 0])
  }

  @Test func spendsEverythingWhereItMayAndIgnoresOffersThatCostMoreForNothing() {
    let dominated = [
      BitAllocation.Offer(bits: 10, loss: 8), BitAllocation.Offer(bits: 20, loss: 9),
      BitAllocation.Offer(bits: 30, loss: 1),
    ]
    #expect(BitAllocation.choose([dominated, dominated], budget: 60) == [2, 2])
    #expect(BitAllocation.choose([dominated, dominated], budget: 59) == [2, 0])
  }
}
