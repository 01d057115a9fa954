/// What a long operation tells its caller while it runs; reports may come from any thread.
public protocol ProgressListener: Sendable {
  /// `completed` of `total` steps of `stage` are done; `total` is 0 where it is not known.
  func report(_ stage: String, completed: Int, total: Int)
}

/// A listener that ignores every report.
public struct SilentProgress: ProgressListener {
  /// A listener that ignores every report.
  public init() {}

  /// Does nothing.
  public func report(_ stage: String, completed: Int, total: Int) {}
}
