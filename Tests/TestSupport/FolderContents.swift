public import Foundation
import JSONReader

/// The files of a folder, to compare what two runs have written.
public enum FolderContents {
  /// Every file with its bytes, but for the seconds in `quantization.json`; nothing where there is no folder.
  public static func read(_ path: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    guard FileManager.default.fileExists(atPath: path) else { return files }
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      files[name] = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
    }
    if let record = files["quantization.json"] {
      files["quantization.json"] = Data(withoutSeconds(try JSONValue.parse([UInt8](record))).serialized().utf8)
    }
    return files
  }

  private static func withoutSeconds(_ value: JSONValue) -> JSONValue {
    if let list = value.arrayValue { return .array(list.map(withoutSeconds)) }
    guard let members = value.objectValue else { return value }
    return .object(members.filter { $0.key != "seconds" }.map { ($0.key, withoutSeconds($0.value)) })
  }
}
