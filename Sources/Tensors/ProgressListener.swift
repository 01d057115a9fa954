/// What long work tells about itself; the command line, job logs and tests implement it.
public protocol ProgressListener: Sendable {
  /// `completed` of `total` steps of a named stage are done; `detail` says what is being worked on, or is empty.
  ///
  /// May be called from any thread, and often.
  func report(_ stage: String, detail: String, completed: Int, total: Int)
}

extension ProgressListener {
  /// `completed` of `total` steps of a named stage are done.
  public func report(_ stage: String, completed: Int, total: Int) {
    report(stage, detail: "", completed: completed, total: total)
  }
}

/// Says nothing.
public struct SilentProgress: ProgressListener {
  /// A listener that ignores everything.
  public init() {}

  /// Does nothing.
  public func report(_ stage: String, detail: String, completed: Int, total: Int) {}
}
