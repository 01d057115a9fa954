/// What long work tells about itself; the command line, job logs and tests implement it.
public protocol ProgressListener: Sendable {
  /// `completed` of `total` of a named stage are done, counted in `unit`; `detail` says what is being worked on, or is empty.
  ///
  /// May be called from any thread, and often.
  func report(_ stage: String, detail: String, completed: Int, total: Int, unit: ProgressUnit)
}

/// What a stage counts.
public enum ProgressUnit: Sendable, Equatable {
  /// Things of this name, in the plural: `tokens`.
  case items(String)
  /// Bytes.
  case bytes
  /// Nothing that has a name: only the share matters.
  case share
}

extension ProgressListener {
  /// `completed` of `total` of a named stage are done, counted in `unit`.
  public func report(_ stage: String, completed: Int, total: Int, unit: ProgressUnit) {
    report(stage, detail: "", completed: completed, total: total, unit: unit)
  }
}

/// Says nothing.
public struct SilentProgress: ProgressListener {
  /// A listener that ignores everything.
  public init() {}

  /// Does nothing.
  public func report(_ stage: String, detail: String, completed: Int, total: Int, unit: ProgressUnit) {}
}
