import Foundation
public import Tokenizers

/// A byte-level tokenizer with one id per byte.
public enum ByteTokenizer {
  /// The tokenizer.
  public static func make() throws -> Tokenizer { try Tokenizer(tokenizerJSON: Array(json.utf8), file: "bytes.json") }

  /// The tokenizer with a chat template.
  public static func make(template: String) throws -> Tokenizer {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(json.utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
    try Data(template.utf8).write(to: folder.appendingPathComponent("chat_template.jinja"))
    return try Tokenizer(folder: folder.path)
  }

  /// The ids of a text.
  public static func ids(_ text: String) -> [Int] { text.utf8.map(Int.init) }

  private static let json: String = {
    var printable: [UInt8: Int] = [:]
    var next = 256
    for byte in UInt8.min...UInt8.max {
      let shown = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      printable[byte] = shown ? Int(byte) : next
      if !shown { next += 1 }
    }
    let entries = (UInt8.min...UInt8.max).map { byte -> String in
      let scalar = printable[byte].flatMap(Unicode.Scalar.init).map { String(Character($0)) } ?? ""
      let escaped = scalar == "\"" || scalar == "\\" ? "\\" + scalar : scalar
      return "\"\(escaped)\": \(byte)"
    }
    return """
      {"version": "1.0", "added_tokens": [], "normalizer": null,
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
       "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
       "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                 "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                 "vocab": {\(entries.joined(separator: ", "))}, "merges": []}}
      """
  }()
}
