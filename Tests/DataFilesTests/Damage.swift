import Foundation

/// A small generator with a seed, so that a failure can be found again.
struct Damage {
  /// Copies of each file that are damaged.
  static let rounds = ProcessInfo.processInfo.environment["VPTQ_DAMAGE_ROUNDS"].flatMap(Int.init) ?? 120

  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number from 0 to below `limit`.
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % max(1, limit)
  }
}
