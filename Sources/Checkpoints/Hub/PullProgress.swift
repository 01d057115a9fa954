import Synchronization
import Tensors

/// Counts the bytes of all files of one pull and reports their sum.
final class PullProgress: Sendable {
  private struct Counts {
    var completed = 0
    var total = 0
    var downloaded = 0
  }

  private let counts: Mutex<Counts>
  private let listener: any ProgressListener

  init(total: Int, listener: any ProgressListener) {
    counts = Mutex(Counts(total: total))
    self.listener = listener
  }

  /// Bytes that were there already, or (below zero) that are there no more.
  func found(_ bytes: Int, of file: String) { add(bytes, downloaded: 0, file) }

  /// Bytes that have arrived.
  func received(_ bytes: Int, of file: String) { add(bytes, downloaded: bytes, file) }

  /// The length of a file turned out to be another one.
  func expect(_ difference: Int) { counts.withLock { $0.total += difference } }

  /// Says what is waited for.
  func note(_ text: String) {
    let now = counts.withLock { $0 }
    listener.report("downloading", detail: text, completed: now.completed, total: now.total, unit: .bytes)
  }

  /// All bytes that have arrived in this pull.
  var downloaded: Int { counts.withLock { $0.downloaded } }

  private func add(_ bytes: Int, downloaded: Int, _ file: String) {
    let now = counts.withLock { counts in
      counts.completed += bytes
      counts.downloaded += downloaded
      return counts
    }
    listener.report("downloading", detail: file, completed: now.completed, total: now.total, unit: .bytes)
  }
}
