public import Foundation

/// The folder of shared test data: `VPTQ_SHARED`, or `../shared` beside the package.
public enum SharedData {
  /// The folder, or nil where it is absent. Tests that need it use `.enabled(if:)` with `isAvailable`.
  public static let root: URL? = {
    let path =
      ProcessInfo.processInfo.environment["VPTQ_SHARED"]
      ?? packageRoot.deletingLastPathComponent().appendingPathComponent("shared").path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else { return nil }
    return URL(fileURLWithPath: path, isDirectory: true)
  }()

  /// Whether the folder is there.
  public static var isAvailable: Bool { root != nil }

  /// Why tests were skipped, for `.enabled(if:_:)`.
  public static let skipMessage = "shared test data not found; set VPTQ_SHARED to its folder"

  /// A file below the folder.
  public static func url(_ path: String) throws -> URL {
    guard let root else { throw CocoaError(.fileNoSuchFile) }
    return root.appendingPathComponent(path)
  }

  /// The root of this package.
  public static let packageRoot: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A new empty folder for one test.
  public static func temporaryFolder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("vptq-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }
}
