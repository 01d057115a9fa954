import LanguageModels

/// Caches of finished sequences, for prompts that begin like an earlier one.
///
/// Only positions of prompts are used again: those of replies were computed in another way, so that a reply would depend on
/// what was asked before.
struct PrefixCache {
  private struct Entry {
    let cache: KeyValueCache
    /// Positions that may be used again.
    let count: Int
  }

  /// Oldest first.
  private var entries: [Entry] = []
  private let byteLimit: Int
  /// Shorter beginnings are not worth a look.
  private static let shortest = 16

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Keeps the cache of a sequence that has ended, and lets go of the oldest ones beyond the limit.
  mutating func keep(_ cache: KeyValueCache, promptCount: Int) {
    let count = min(cache.count, promptCount)
    guard count >= Self.shortest else { return }
    func isKnown(_ entry: Entry, to cache: KeyValueCache, _ count: Int) -> Bool {
      entry.count <= count && cache.tokens.prefix(entry.count) == entry.cache.tokens.prefix(entry.count)
    }
    // What another one begins with is no use beside it; of equal ones the newer stays.
    entries.removeAll { isKnown($0, to: cache, count) }
    let new = Entry(cache: cache, count: count)
    if let place = entries.firstIndex(where: { isKnown(new, to: $0.cache, $0.count) }) {
      return entries.append(entries.remove(at: place))
    }
    entries.append(new)
    var bytes = entries.reduce(0) { $0 + $1.cache.byteCount }
    while bytes > byteLimit, let oldest = entries.first {
      bytes -= oldest.cache.byteCount
      entries.removeFirst()
    }
  }

  /// A cache with as much of the beginning of `prompt` as is known, from those kept or from `others`, sequences at work.
  func beginning(of prompt: [Int], capacity: Int, others: [GenerationSequence]) -> KeyValueCache? {
    let known = entries + others.map { Entry(cache: $0.cache, count: min($0.cache.count, $0.prompt.count)) }
    // The last token of a prompt is always computed: its logits are wanted.
    let lengths = known.map { entry in
      zip(prompt.dropLast(), entry.cache.tokens.prefix(entry.count)).prefix { $0 == $1 }.count
    }
    guard let best = lengths.indices.max(by: { lengths[$0] < lengths[$1] }), lengths[best] >= Self.shortest else {
      return nil
    }
    return known[best].cache.copy(first: lengths[best], capacity: capacity)
  }
}
