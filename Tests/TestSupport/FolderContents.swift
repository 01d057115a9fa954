public import Foundation

/// The files of a folder, to compare what two runs have written.
public enum FolderContents {
  /// Every file with its bytes; nothing where there is no folder.
  public static func read(_ path: String) throws -> [String: Data] {
    guard FileManager.default.fileExists(atPath: path) else { return [:] }
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      files[name] = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
    }
    return files
  }
}
