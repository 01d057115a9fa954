/// A finished report.
package struct ReportFile: Sendable {
  /// The whole document.
  package let html: String

  /// Writes the document under a temporary name and renames it.
  ///
  /// - Throws: `CheckpointError` (`cannotWrite`) with the path and the reason.
  package func write(to path: String) throws {
    try AtomicFile.write(Array(html.utf8), to: path)
  }
}
