import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Ids, offsets and text of a corpus in many scripts, against what the `tokenizers` package says: digests recorded by
/// `Scripts/record_tokenizer_corpus.py`, which makes the same corpus from the same numbers.
@Suite(
  .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
  .enabled(if: SharedFixtures.hasZstd, "zstd is not installed"))
struct CorpusTests {
  @Test(
    "digests of ids, offsets in bytes and decoded text; streams equal the full text",
    arguments: ["llama-3.2", "deepseek", "falcon", "phi-2", "phi-3-mini", "neox"])
  func digests(name: String) throws {
    let corpus = try Corpus()
    let recorded = try #require(corpus.recorded["tokenizers"]?[name])
    let file = try #require(recorded.field("file").stringValue)
    let tokenizer = try Tokenizer(tokenizerJSON: SharedFixtures.unpacked(file), file: file)
    for (group, digests) in recorded.field("groups").elements.enumerated() {
      // Every fifth group is enough to run each time; the whole corpus where it is asked for.
      if group % 5 != 0, ProcessInfo.processInfo.environment["VPTQ_WHOLE_CORPUS"] == nil { continue }
      var ids = Digest()
      var offsets = Digest()
      var decoded = Digest()
      for index in group * 100..<group * 100 + 100 {
        let text = corpus.document(index)
        let spans = try tokenizer.encodeWithOffsets(text)
        for span in spans {
          ids.add(UInt64(span.id))
          offsets.add(UInt64(span.start))
          offsets.add(UInt64(span.end))
        }
        let all = spans.map(\.id)
        #expect(try tokenizer.encode(text) == all)
        let full = tokenizer.decode(all)
        decoded.add(full)
        var detokenizer = tokenizer.streamingDetokenizer()
        var stream = ""
        for id in all { stream += detokenizer.append(id) }
        #expect(Array((stream + detokenizer.finish()).utf8) == Array(full.utf8))
      }
      #expect([ids, offsets, decoded].map(\.description) == digests.elements.map(\.stringValue), "group \(group)")
    }
  }

  @Test("the corpus is the one that was recorded, and has five megabytes")
  func corpus() throws {
    let corpus = try Corpus()
    var digest = Digest()
    for index in 0..<100 { digest.add(corpus.document(index)) }
    #expect(digest.description == corpus.recorded["corpus"]?.stringValue)
    #expect(corpus.recorded["bytes"]?.intValue ?? 0 > 5_000_000)
  }
}

/// The texts of `Scripts/record_tokenizer_corpus.py`.
struct Corpus {
  let recorded: JSONValue
  private let scripts: [(low: UInt64, high: UInt64)]
  private let fragments: [String]

  init() throws {
    let path = "Tests/TokenizersTests/Fixtures/corpus_digests.json"
    recorded = try JSONValue.parse([UInt8](Data(contentsOf: SharedData.packageRoot.appendingPathComponent(path))))
    scripts = recorded.field("scripts").elements.map { (UInt64($0.integers[0]), UInt64($0.integers[1])) }
    fragments = recorded.field("fragments").elements.compactMap(\.stringValue)
  }

  /// A text of about 2.5 kB.
  func document(_ index: Int) -> String {
    var random = SplitMix(state: UInt64(index))
    var text = String.UnicodeScalarView()
    func append(_ value: UInt64) { if let scalar = Unicode.Scalar(UInt32(value)) { text.append(scalar) } }
    switch index % 4 {
    case 0, 1:
      let (low, high) = scripts[(index / 4 * 2 + index % 4) % scripts.count]
      for _ in 0..<150 {
        for _ in 0..<1 + random.next(8) { append(low + random.next(high - low + 1)) }
        text.append(
          contentsOf: (random.next(9) == 0 ? ", " : random.next(15) == 0 ? ".\n" : " ").unicodeScalars)
      }
    case 2: for _ in 0..<400 { text.append(contentsOf: fragment(&random).unicodeScalars) }
    default:
      for _ in 0..<400 {
        var value = random.next([0x80, 0x250, 0x2000, 0x3400, 0xd800, 0x1ffff][random.next(6)] as UInt64)
        if 0xd800..<0xe000 ~= value { value += 0x2000 }
        if random.next(3) != 0 { append(value) } else { text.append(contentsOf: fragment(&random).unicodeScalars) }
      }
    }
    return String(text)
  }

  private func fragment(_ random: inout SplitMix) -> String { fragments[Int(random.next(UInt64(fragments.count)))] }
}

/// FNV-1a over numbers.
private struct Digest: CustomStringConvertible {
  private var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ number: UInt64) { value = (value ^ number) &* 0x100_0000_01b3 }

  mutating func add(_ text: String) { for byte in text.utf8 { add(UInt64(byte)) } }

  var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
