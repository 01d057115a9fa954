import LanguageModels
import Tensors
import Testing

@testable import Quantization

@Suite("Estimates")
struct EstimateTests {
  private func work(
    _ recipe: QuantizationRecipe, search: (main: Double, residual: Double, codes: Double, mean: Double) = (0, 0, 0, 0),
    product: Double = 0, chunkProduct: Double = 0, update: Double = 0, factor: Double = 0
  ) -> MatrixWork {
    MatrixWork(
      outFeatures: 32, inFeatures: 16, recipe: recipe,
      search: SearchRates(main: search.main, residual: search.residual, codes: search.codes, mean: search.mean),
      machine: MachineRates(
        product: product, passProduct: 0, widening: 0, chunkProduct: chunkProduct, update: update, secondMoment: 0,
        factor: factor, preparation: 0, gradientStep: 0))
  }

  /// 32 outputs, 16 inputs: a product has 16 · 16 · 32 = 8192 multiplications, and there are 16 · 4 = 64 vectors.
  @Test("Work is counted as the recipe does it")
  func counts() {
    let recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256, residualCentroidCount: 256)
    let (product, vectors) = (8192.0, 64.0)
    // 2 for the final error, 1 + 3 losses of passes, 4 fits of 11 and a loss, 3 descents and losses.
    let products: Double = 2 + 4 + 4 * 12 + 3 * 2
    #expect(work(recipe, product: 1).shared == products * product)
    // 3 passes with feedback and 3 descents, each half a product behind blocks and 64 updates a column.
    #expect(work(recipe, chunkProduct: 1).shared == 6 * product / 2)
    let updates: Double = 16 * 64 * 32
    #expect(work(recipe, update: 1).shared == 6 * updates)
    #expect(work(recipe, factor: 1).alone - work(recipe).alone == 4096)
    #expect(work(recipe, factor: 1).preparation == 4096)
    // 12 iterations and the codes behind which the residuals are; 12 iterations on these.
    #expect(work(recipe, search: (1, 0, 0, 0)).shared == 13 * vectors)
    #expect(work(recipe, search: (0, 1, 0, 0)).shared == 12 * vectors)
    // 2 joint rounds, 1 + 3 passes, 2 refits of 2 rounds, 3 descents.
    let choices: Double = 2 + 4 + 4 + 3
    #expect(work(recipe, search: (0, 0, 1, 0)).shared == choices * vectors)
    var whole = recipe
    whole.wholeUnits = true
    #expect(work(whole, product: 1).shared == (products + 1) * product)
    var sampled = recipe
    sampled.sample = 1
    sampled.centroidCount = 16
    // 12 iterations on 16 vectors, one on all, and the codes behind which the residuals are.
    let scored: Double = 12 * 16 + 2 * vectors
    #expect(work(sampled, search: (1, 0, 0, 0)).shared == scored)
  }

  /// 28 bytes for an element of a large second moment and 8 for a weight, or 20 and 28 where the weights are what is large.
  @Test("Memory of a matrix is that of the step that takes most")
  func memory() {
    #expect(PeakMemory.quantization(outputs: 2, inputs: 100) == 28 * 10_000 + 8 * 200)
    #expect(PeakMemory.quantization(outputs: 100, inputs: 2) == 20 * 4 + 28 * 200)
  }

  @Test("Rates are those of a machine: positive, a product faster than its updates")
  func rates() {
    let machine = MachineRates()
    #expect(machine.product > 0 && machine.passProduct > 0 && machine.product < 1e-7)
    #expect(machine.factor > 0 && machine.secondMoment > 0 && machine.gradientStep >= 0)
    let few = SearchRates(QuantizationRecipe(vectorLength: 8, centroidCount: 16))
    let many = SearchRates(QuantizationRecipe(vectorLength: 8, centroidCount: 4096))
    #expect(few.main > 0 && few.main < many.main)
  }
}
