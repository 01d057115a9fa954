import Foundation
import Tokenizers

/// Times a tokenizer file on one thread: `Tokenizers-timings FILE TEXT`; `Scripts/compare_tokenizers.py` runs it beside the
/// package from PyPI.
///
/// Prints one JSON object, in seconds of the processor: seconds to load, and megabytes a second for the text cut in parts of 2,000 characters (each
/// a call of its own), for the whole text in one call, with offsets, and for decoding. Each figure is the best of the
/// rounds; the first call of the first round, which fills the cache of words, has its own.
@main
enum TokenizerTimings {
  private static let rounds = 5

  static func main() throws {
    guard CommandLine.arguments.count == 3 else {
      FileHandle.standardError.write(Data("usage: Tokenizers-timings FILE TEXT\n".utf8))
      exit(64)
    }
    let file = CommandLine.arguments[1]
    let text = try String(contentsOfFile: CommandLine.arguments[2], encoding: .utf8)
    let load = try best { _ = try Tokenizer(file: file) }
    let tokenizer = try Tokenizer(file: file)
    let first = try seconds { _ = try tokenizer.encode(text) }
    let parts = stride(from: 0, to: text.unicodeScalars.count, by: 2000).map { start in
      String(text.unicodeScalars.dropFirst(start).prefix(2000))
    }
    let single = try best { for part in parts { _ = try tokenizer.encode(part) } }
    let whole = try best { _ = try tokenizer.encode(text) }
    let offsets = try best { _ = try tokenizer.encodeWithOffsets(text) }
    let ids = try tokenizer.encode(text)
    let decode = best { _ = tokenizer.decode(ids) }
    let megabytes = Double(text.utf8.count) / 1e6
    let figures: KeyValuePairs = [
      "load_seconds": load, "first_megabytes_per_second": megabytes / first,
      "single_megabytes_per_second": megabytes / single, "whole_megabytes_per_second": megabytes / whole,
      "offsets_megabytes_per_second": megabytes / offsets, "decode_megabytes_per_second": megabytes / decode,
    ]
    print("{" + figures.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + ", \"ids\": \(ids.count)}")
  }

  private static func best(_ body: () throws -> Void) rethrows -> Double {
    try (0..<rounds).map { _ in try seconds(body) }.min() ?? 0
  }

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = clock()
    try body()
    return Double(clock() - start) / Double(CLOCKS_PER_SEC)
  }
}
