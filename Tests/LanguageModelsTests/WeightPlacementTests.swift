import Testing

@testable import LanguageModels

@Suite("Weights that do not fit memory")
struct WeightPlacementTests {
  private static let megabyte = 1_000_000

  private func entries(_ count: Int, bytes: Int, kept: Int = 0) -> [WeightPlacement.Entry] {
    (0..<count).map { .init(module: "m\($0)", bytes: bytes, kept: kept, isExpert: false) }
  }

  private func placement(_ entries: [WeightPlacement.Entry], allowed: Int) -> WeightPlacement? {
    WeightPlacement(entries, head: 10 * Self.megabyte, allowed: allowed, readsAhead: true)
  }

  @Test("What fits stays as it is")
  func fits() {
    let entries = entries(100, bytes: Self.megabyte)
    #expect(self.placement(entries, allowed: 110 * Self.megabyte) == nil)
    #expect(self.placement(entries, allowed: 110 * Self.megabyte - 1) != nil)
  }

  /// Of 100 MB for matrices a quarter is for what is on its way, three matrices are in use: 72 MB of 200 stay.
  @Test("As many matrices stay as there is room for, evenly among those that are read")
  func even() throws {
    let entries = entries(200, bytes: Self.megabyte)
    let placement = try #require(self.placement(entries, allowed: 110 * Self.megabyte))
    #expect(placement.residency.neededBytes == 210 * Self.megabyte)
    #expect(placement.residency.streamedBytes == 128 * Self.megabyte)
    let streamed = entries.indices.filter { placement.isStreamed(entries[$0].module) }
    #expect(streamed.count == 128)
    for start in stride(from: 0, to: 200, by: 25) {
      #expect((15...17).contains(streamed.count { (start..<start + 25).contains($0) }))
    }
  }

  @Test("Where there is next to no memory everything is read; tables that stay are not counted as read")
  func nothing() throws {
    let placement = try #require(self.placement(entries(10, bytes: Self.megabyte, kept: 1000), allowed: 0))
    #expect(placement.residency.streamedBytes == 10 * (Self.megabyte - 1000))
    #expect((0..<10).allSatisfy { placement.isStreamed("m\($0)") })
  }

  @Test("Experts are left to the system, whatever room there is for the rest")
  func experts() throws {
    let experts = (0..<50).map {
      WeightPlacement.Entry(module: "e\($0)", bytes: Self.megabyte, kept: 0, isExpert: true)
    }
    let placement = try #require(
      self.placement(entries(4, bytes: Self.megabyte) + experts, allowed: 40 * Self.megabyte))
    #expect(placement.residency.streamedBytes == 0)
    #expect(!placement.isStreamed("m0") && placement.isStreamed("e0") && placement.isStreamed("e49"))
  }
}
