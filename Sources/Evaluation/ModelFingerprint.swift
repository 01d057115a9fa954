public import Checkpoints
import JSONReader
public import LanguageModels
import Tensors

/// What tells one model from another: configuration, names and forms of the tensors, and a sample of their bytes.
public enum ModelFingerprint {
  /// Bytes taken of each tensor at most.
  private static let sampleLimit = 512

  /// 32 hexadecimal digits for a folder and the way its model computes.
  ///
  /// - Throws: what reading the headers of tensors throws.
  public static func of(_ folder: ModelDirectory, options: RuntimeOptions) throws -> String {
    var print = Fingerprint()
    print.add(folder.configuration.serialized())
    print.add("exact \(options.isExact), head \(options.head?.rawValue ?? "default")")
    print.add("cache \(options.cache?.rawValue ?? "default, float16")")
    for name in folder.tensorNames {
      print.add(name)
      print.add(try folder.tensor(named: name), sampleLimit: sampleLimit)
    }
    return print.text
  }
}
