import Foundation
import TestSupport
import Testing
import VPTQ

/// `vptq tokenize` on the recorded byte-level tokenizer; ids are those of its golden values.
@Suite("tokenize")
struct TokenizeCommandTests {
  private let file = SharedData.packageRoot.appendingPathComponent(
    "Tests/TokenizersTests/Fixtures/tiny_byte_level.json"
  )
  .path

  private func json(_ arguments: [String]) throws -> JSONValue {
    let outcome = try Program.run(["tokenize", file] + arguments + ["--json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try JSONValue.parse(Array(outcome.output.utf8))
  }

  @Test("ids, pieces and offsets; the control token in the text, and without it")
  func text() throws {
    let parsed = try json(["a<|end|>"])
    #expect(parsed["ids"]?.arrayValue?.contains(.integer(421)) == true)
    #expect(parsed["offsets"]?.arrayValue?.contains([1, 8]) == true)
    #expect(parsed["pieces"]?.arrayValue?.contains("<|end|>") == true)
    let plain = try json(["a<|end|>", "--no-special-tokens"])
    #expect(plain["ids"]?.arrayValue?.contains(.integer(421)) == false)
  }

  @Test("the text of ids")
  func decode() throws {
    let tokenizer = try Tokenizer(file: file)
    let ids = try tokenizer.encode(text: "Hi 🥳", addSpecialTokens: false)
    let list = ids.map(String.init).joined(separator: ",")
    #expect(try json(["--decode", list])["text"]?.stringValue == "Hi 🥳")
    let outcome = try Program.run(["tokenize", file, "--decode", "1,x"])
    #expect(outcome.status == 64)
  }

  @Test("neither a text nor ids is wrong usage; a file that is not there is missing input")
  func usage() throws {
    #expect(try Program.run(["tokenize", file]).status == 64)
    #expect(try Program.run(["tokenize", "/nowhere/at/all", "x"]).status == 66)
  }
}
