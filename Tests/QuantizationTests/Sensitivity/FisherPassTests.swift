import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Sensitivity of matrices")
struct FisherPassTests {
  /// The divergence that noise in one matrix causes, beside what the pass foresees: `½ · mean g² · tr(E H Eᵀ)`.
  @Test(arguments: ["self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"])
  func foreseesTheDivergenceThatNoiseCauses(name: String) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let module = "model.layers.0." + name
    let (clean, changed) = (folder.appendingPathComponent("clean"), folder.appendingPathComponent("changed"))
    let model = try ModelDirectory(path: TinyModel.write(in: clean))
    var original: [Float] = []
    var noise: [Float] = []
    let noisy = try ModelDirectory(
      path: TinyModel.write(in: changed) { tensor, values in
        guard tensor == module + ".weight" else { return }
        var random = CounterRandom(seed: 3, stream: 7)
        original = values
        for index in values.indices { values[index] += Float(random.uniform() - 0.5) * 0.04 }
        noise = values
      })
    let windows = TinyModel.windows(48, length: 32)

    let teacher = try TuningModel(model, precision: .float32)
    let loss = DivergenceLoss(teacher: teacher, student: try TuningModel(noisy, precision: .float32), rows: 32)
    let measured = windows.reduce(0) { $0 + loss.addGradient($1, scale: 1) } / Double(windows.count)

    let pass = try FisherPass(model, length: 32, seed: 1)
    for (number, window) in windows.enumerated() { pass.add(window, number: number) }
    let plan = try QuantizationPlan(
      configuration: ModelConfiguration(model), recipe: QuantizationRecipe(preset: "v4-k16"))
    let matrix = try #require(plan.matrices.first { $0.module == module })
    let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
    var moments = SecondMoments()
    let runner = try BlockRunner(model, length: 32)
    let block = try runner.pass(0)
    for first in stride(from: 0, to: windows.count, by: BlockRunner.windowsPerPass) {
      var states = try runner.embed(windows[first..<first + BlockRunner.windowsPerPass])
      block.apply(&states, windows: BlockRunner.windowsPerPass) { input, x, rows in
        if input == matrix.input { moments.add(input, x, rows: rows, width: inputs) }
      }
    }
    let moment = try #require(moments.mean(matrix.input))
    var error = 0.0
    for row in 0..<outputs {
      for i in 0..<inputs {
        let left = Double(noise[row * inputs + i] - original[row * inputs + i])
        for j in 0..<inputs {
          error += left * moment[i * inputs + j] * Double(noise[row * inputs + j] - original[row * inputs + j])
        }
      }
    }
    let record = try #require(pass.gradients[module])
    #expect(record.energies.count == 48 * 32)
    let foreseen = 0.5 * record.mean / Double(outputs) * error
    #expect(measured > 1e-5)
    #expect(foreseen / measured > 0.5 && foreseen / measured < 2, "\(foreseen) foreseen, \(measured) measured")
  }
}
