import Synchronization
import Tensors

/// How much of a model stays in memory, where not all of it fits.
public struct WeightResidency: Sendable, Equatable {
  /// What all weights would take.
  public let neededBytes: Int
  /// What they may take.
  public let allowedBytes: Int
  /// What every pass reads from disk, experts of a mixture not counted.
  public let streamedBytes: Int

  /// A sentence for users.
  public var notice: String {
    func text(_ bytes: Int) -> String {
      bytes >= 10_000_000_000 ? "\(bytes / 1_000_000_000) GB" : "\(bytes / 1_000_000) MB"
    }
    return
      "the weights take \(text(neededBytes)) of memory and have \(text(allowedBytes)); \(text(streamedBytes)) of them are read from disk for every pass"
  }
}

/// Which matrices of a model stay in memory and which are read from disk in every pass.
final class WeightPlacement: Sendable {
  /// A matrix, as a first look at the model finds it.
  struct Entry: Sendable {
    let module: String
    /// What it takes in memory, and what of that it keeps there where its codes are on disk.
    let bytes: Int
    let kept: Int
    let isExpert: Bool
  }

  let stream: WeightStream
  let residency: WeightResidency
  private let streamed: Set<String>

  /// The share of the memory at hand that weights may take; the rest is for keys and values, activations and scratch.
  static let share = 0.8

  /// Nil where all fits.
  ///
  /// - Parameters:
  ///   - head: what the head takes, which stays in memory.
  ///   - allowed: bytes for all.
  init?(_ entries: [Entry], head: Int, allowed: Int, readsAhead: Bool) {
    let needed = entries.reduce(head) { $0 + $1.bytes }
    guard needed > allowed else { return nil }
    let regular = entries.filter { !$0.isExpert }
    let largest = entries.reduce(0) { max($0, $1.bytes) }
    // Of experts only tables stay.
    let fixed = head + entries.reduce(0) { $0 + $1.kept }
    let room = max(0, allowed - fixed)
    let window = min(room / 4, max(64 << 20, largest))
    // One matrix in use, one on its way, and the second form of its codes.
    let spare = Double(max(0, room - window - 3 * largest))
    let rest = regular.reduce(0.0) { $0 + Double($1.bytes - $1.kept) }
    let fraction = rest > 0 ? min(1, spare / rest) : 0
    // Evenly among the others, so that the disk is never idle.
    var streamed = Set(entries.lazy.filter(\.isExpert).map(\.module))
    var (balance, bytes) = (0.0, 0)
    for entry in regular {
      let own = entry.bytes - entry.kept
      balance += fraction * Double(own)
      if fraction == 1 || balance >= Double(own) {
        balance -= Double(own)
      } else {
        streamed.insert(entry.module)
        bytes += own
      }
    }
    self.streamed = streamed
    stream = WeightStream(window: window, readsAhead: readsAhead)
    residency = WeightResidency(neededBytes: needed, allowedBytes: allowed, streamedBytes: bytes)
  }

  func isStreamed(_ module: String) -> Bool { streamed.contains(module) }
}

/// The matrices of a model and what they take.
final class WeightCensus: Sendable {
  private let list = Mutex<[WeightPlacement.Entry]>([])

  func add(_ entry: WeightPlacement.Entry) { list.withLock { $0.append(entry) } }

  var entries: [WeightPlacement.Entry] { list.withLock(\.self) }
}
