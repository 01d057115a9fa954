import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("What tuning refuses")
struct TuningRefusalTests {
  private func refusal(_ fixture: String, tokens: [Int] = Array(3..<40)) throws -> QuantizationError? {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try ArchitectureFixture(fixture).write(to: folder.appendingPathComponent("model"))
    let model = try ModelDirectory(path: folder.appendingPathComponent("model").path)
    return #expect(throws: QuantizationError.self) {
      try ModelTuner(
        model: model, reference: model, text: TuningText(streams: [tokens]),
        options: TuningOptions(steps: 2, tokens: 16), output: folder.appendingPathComponent("out").path
      ).run()
    }
  }

  @Test(
    "Parts without a gradient are named",
    arguments: [
      ("mixtral", "a mixture of experts (block 0)"), ("deepseek2", "latent attention (block 0)"),
      ("gemma2", "a cap of the logits"),
    ])
  func parts(fixture: String, part: String) throws {
    let error = try refusal(fixture)
    #expect(error?.code == .unsupported && error?.message.contains(part) == true, "\(error?.message ?? "")")
  }

  @Test("A dense model has nothing to tune")
  func dense() throws {
    let error = try refusal("llama")
    #expect(error?.code == .unsupported && error?.message.contains("no vector-quantized matrix") == true)
  }

  @Test("Text that fills no window, or holds ids of another vocabulary, is refused")
  func text() throws {
    #expect(try refusal("llama", tokens: [1, 2, 3])?.message.contains("has 3 tokens; one window needs 16") == true)
    #expect(try refusal("llama", tokens: Array(90..<120))?.message.contains("token id 96") == true)
  }

  @Test("A reference of another shape is refused")
  func reference() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["llama", "qwen2"] { try ArchitectureFixture(name).write(to: folder.appendingPathComponent(name)) }
    func model(_ name: String) throws -> ModelDirectory {
      try ModelDirectory(path: folder.appendingPathComponent(name).path)
    }
    let error = #expect(throws: QuantizationError.self) {
      try ModelTuner(
        model: try model("llama"), reference: try model("qwen2"), text: TuningText(streams: [Array(3..<40)]),
        options: TuningOptions(steps: 2, tokens: 16), output: folder.appendingPathComponent("out").path
      ).run()
    }
    #expect(error?.code == .shapeMismatch)
  }

  @Test("Options out of range are named with their legal values")
  func options() {
    func message(_ edit: (inout TuningOptions) -> Void) -> String {
      var options = TuningOptions()
      edit(&options)
      do {
        try options.validate()
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(message { $0.steps = 0 } == "the number of tuning steps must be 1 to 1000000, not 0")
    #expect(message { $0.tokens = 1 } == "a tuning window must have 2 to 32768 tokens, not 1")
    #expect(message { $0.rate = .nan } == "the tuning rate must be above 0 and at most 1, not nan")
    #expect(message { $0.windowsPerStep = 0 } == "windows of one tuning step must be 1 to 4096, not 0")
    #expect(message { _ in } == "")
  }

  @Test("The rate rises in four steps and falls to nothing")
  func schedule() {
    let options = TuningOptions(steps: 8, rate: 1)
    // min(1, (step + 1) / 4) · (1 + cos(π step / 8)) / 2
    let expected: [Float] = [0.25, 0.48096988, 0.6401650, 0.6913417, 0.5, 0.30865828, 0.14644661, 0.03806023]
    for (step, rate) in expected.enumerated() { #expect(abs(options.rate(step: step) - rate) < 1e-6) }
  }
}
