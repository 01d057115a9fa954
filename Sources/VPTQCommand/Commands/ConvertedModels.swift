import Checkpoints
import Foundation
import Tensors

/// Model folders made from GGUF files that were given as MODEL, kept in the user's cache folder.
enum ConvertedModels {
  /// Grows when the same file would be converted to something else.
  private static let rulesVersion = 2

  /// The folder of a GGUF file, converted now unless this very file was converted before.
  ///
  /// A file is recognised by its path, size and time of change, a conversion by the version of its rules.
  static func folder(of gguf: String, quiet: Bool) throws -> String {
    let files = FileManager.default
    let attributes = try files.attributesOfItem(atPath: gguf)
    let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
    let changed = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    let url = URL(fileURLWithPath: gguf).standardizedFileURL
    var key: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(url.path) \(size) \(changed) \(rulesVersion)".utf8 {
      key = (key ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
    guard let caches = files.urls(for: .cachesDirectory, in: .userDomainMask).first else {
      throw Failure(
        exit: .cannotWrite, code: "noCache", message: "there is no cache folder to convert \(gguf) into",
        hint: "vptq convert \(gguf) -o FOLDER")
    }
    let name = url.deletingPathExtension().lastPathComponent
    let folder = caches.appendingPathComponent("vptq/converted/\(name)-\(String(key, radix: 16))").path
    if files.fileExists(atPath: folder + "/config.json") { return folder }
    let progress = ConsoleProgress(quiet: quiet)
    if !quiet { Console.writeError("converting \(gguf) once, into \(folder)") }
    let notes = try GGUFConversion.convert(
      try GGUFFile(path: gguf), to: folder, dtype: .float16, progress: progress)
    progress.clear()
    if !quiet { for note in notes { Console.writeError("note: \(note)") } }
    return folder
  }
}
