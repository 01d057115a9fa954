import Foundation
import LanguageModels
import TestSupport
import Testing
import Tokenizers

@testable import Generation

@Suite("Text generator")
struct TextGeneratorTests {
  private func ids(_ text: String) -> [Int] { text.utf8.map(Int.init) }

  @Test("The stream's pieces are whole characters and join to the result's text (case S01)")
  func streaming() async throws {
    let words = "ok 🥳 é"
    let model = try FixedModel(saying: ids(words) + [0], vocabulary: 256, endTokenIDs: [0])
    let generator = TextGenerator(model: model, tokenizer: try ByteTokenizer.make())
    var pieces: [String] = []
    var result: GenerationResult?
    for try await event in generator.stream([65], options: GenerationOptions(sampling: .greedy)) {
      switch event {
      case .text(let text): pieces.append(text)
      case .finished(let finished): result = finished
      case .token: break
      }
    }
    #expect(pieces == ["o", "k", " ", "🥳", " ", "é"])
    #expect(result?.text == words)
    #expect(result?.finishReason == .stop)
    #expect(result?.tokens.map(\.id) == ids(words))
  }

  @Test("A limit inside a character gives at most one U+FFFD, and the reason is length (case S04)")
  func cutCharacter() throws {
    let model = try FixedModel(saying: [0xF0, 0x9F, 0xA5, 0xB3], vocabulary: 256)
    let result = try TextGenerator(model: model, tokenizer: try ByteTokenizer.make()).generate(
      [65], options: GenerationOptions(sampling: .greedy, maximumTokens: 3))
    #expect(result.text == "\u{FFFD}")
    #expect(result.finishReason == .length)
  }

  @Test("A stop string split over tokens never shows, and generation ends there (case V01)")
  func stopString() throws {
    let model = try FixedModel(saying: ids("The quick brown fox jumps"), vocabulary: 256)
    var shown = ""
    let result = try TextGenerator(model: model, tokenizer: try ByteTokenizer.make()).generate(
      [65], options: GenerationOptions(sampling: .greedy, stopStrings: ["own fox"]),
      onEvent: { if case .text(let text) = $0 { shown += text } })
    #expect(result.text == "The quick br")
    #expect(shown == "The quick br")
    #expect(result.finishReason == .stop)
    #expect(result.tokens.count == "The quick brown fox".utf8.count)
  }

  @Test("Any of several end tokens ends the reply, and its text is not in it (case M08)", arguments: [0, 2, 5, 7])
  func endTokens(end: Int) throws {
    let model = try FixedModel(saying: [97, 98, end, 99], vocabulary: 256, endTokenIDs: [0, 2, 5, 7])
    let result = try TextGenerator(model: model, tokenizer: try ByteTokenizer.make()).generate(
      [65], options: GenerationOptions(sampling: .greedy))
    #expect(result.text == "ab")
    #expect(result.finishReason == .stop)
  }

  @Test("Prompts of 64 and 65 tokens do not fit a context of 64; 63 leaves one token, 60 four (case V10)")
  func contextLimit() throws {
    let model = try FixedModel(saying: [97], vocabulary: 256)
    let generator = TextGenerator(model: model, tokenizer: nil, contextLength: 64)
    for length in [64, 65] {
      #expect { try generator.generate([Int](repeating: 65, count: length)) } throws: { error in
        (error as? GenerationError)?.code == .contextLengthExceeded && "\(error)".contains("\(length)")
          && "\(error)".contains("64")
      }
    }
    for (length, expected) in [(63, 1), (60, 4)] {
      let result = try generator.generate(
        [Int](repeating: 65, count: length), options: GenerationOptions(sampling: .greedy, maximumTokens: 100))
      #expect(result.tokens.count == expected)
      #expect(result.finishReason == .length)
    }
  }

  @Test("Cancellation ends the reply at the next step")
  func cancellation() throws {
    let model = try FixedModel(saying: [97], vocabulary: 256)
    var asked = 0
    let result = try TextGenerator(model: model, tokenizer: nil).generate(
      [65], options: GenerationOptions(sampling: .greedy),
      isCancelled: {
        asked += 1
        return asked > 4
      })
    #expect(result.finishReason == .cancelled)
    #expect(result.tokens.count < 10)
  }

  @Test("Empty prompts and unknown ids are refused")
  func badPrompts() throws {
    let generator = TextGenerator(model: try FixedModel(saying: [97], vocabulary: 256), tokenizer: nil)
    for prompt in [[], [256], [-1]] {
      #expect { try generator.generate(prompt) } throws: { ($0 as? GenerationError)?.code == .badPrompt }
    }
  }

  @Test("Self-calibration: the same seed writes the same windows at any thread count, and ends begin anew")
  func selfCalibration() throws {
    let row = (0..<16).map { Float($0 % 5) * 0.3 }
    let model = try FixedModel(rows: [row], endTokenIDs: [2])
    let windows = try SelfCalibration.sample(model, sequences: 5, length: 40, seed: 3)
    let again = try SelfCalibration.sample(model, sequences: 5, length: 40, seed: 3)
    let other = try SelfCalibration.sample(model, sequences: 5, length: 40, seed: 4)
    #expect(windows == again)
    #expect(windows != other)
    #expect(windows.allSatisfy { $0.count == 40 && $0[0] == 1 && !$0.contains(2) })
    #expect(Set(windows.flatMap(\.self)).count == 15)
  }

  @Test("Self-calibration: a window depends on its number alone, not on how many sequences are asked for")
  func selfCalibrationGroups() throws {
    let model = try FixedModel(rows: [(0..<16).map { Float($0 % 5) * 0.3 }])
    let count = 2 * SelfCalibration.groupSize + 3
    let windows = try SelfCalibration.sample(model, sequences: count, length: 8, seed: 3)
    #expect(windows.count == count)
    #expect(Set(windows).count == count)
    #expect(try SelfCalibration.sample(model, sequences: 5, length: 8, seed: 3) == Array(windows[..<5]))
  }

  @Test("Self-calibration refuses impossible windows and rows without a distribution, never token 0 (case P05)")
  func selfCalibrationErrors() throws {
    let model = try FixedModel(rows: [[0, 1]])
    for (sequences, length) in [(-1, 8), (1, 0), (1, 65)] {
      #expect { try SelfCalibration.sample(model, sequences: sequences, length: length, seed: 0) } throws: {
        ($0 as? GenerationError)?.code == .invalidOption
      }
    }
    for row in [[Float](repeating: -.infinity, count: 2), [0, .nan], [0, .infinity]] {
      let damaged = try FixedModel(rows: [row])
      #expect { try SelfCalibration.sample(damaged, sequences: 1, length: 8, seed: 0) } throws: {
        ($0 as? GenerationError)?.code == .noDistribution
      }
    }
    #expect(try SelfCalibration.sample(model, sequences: 2, length: 1, seed: 0) == [[1], [1]])
  }
}
