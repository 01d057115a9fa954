import Foundation

/// The processor time of quantizing one matrix, in seconds, step by step as `MatrixQuantizer` takes them.
struct MatrixWork {
  /// Work that all threads share.
  private(set) var shared = 0.0
  /// Work of one thread alone.
  private(set) var alone = 0.0

  /// What of the work of one thread an analysis of sensitivity does too.
  private(set) var preparation = 0.0

  private let recipe: QuantizationRecipe
  private let search: SearchRates
  private let machine: MachineRates
  private let outputs: Double
  private let inputs: Double
  private let vectors: Double

  init(
    outFeatures: Int, inFeatures: Int, recipe: QuantizationRecipe, search: SearchRates, machine: MachineRates
  ) {
    (self.recipe, self.search, self.machine) = (recipe, search, machine)
    (outputs, inputs) = (Double(outFeatures), Double(inFeatures))
    vectors = inputs * (outputs / Double(recipe.vectorLength)).rounded(.up)
    addPreparation()
    addClustering()
    addPasses()
    addLeastSquares()
    addDescent()
    addWholeUnits()
  }

  /// A product of the metric with a matrix of the weights' size.
  private var product: Double { inputs * inputs * outputs * machine.product }

  /// Once before, and once for the error in the end; there with two products.
  private mutating func addPreparation() {
    let passes = (inputs * inputs + inputs * outputs) * machine.preparation
    preparation = passes + inputs * inputs * inputs * machine.factor
    alone += preparation + passes
    shared += 2 * product
  }

  private mutating func addClustering() {
    let sizes = [(recipe.centroidCount, search.main), (recipe.residualCentroidCount, search.residual)]
    for (count, nearest) in sizes where count > 0 {
      let sample = min(vectors, Double(recipe.sample) * Double(count))
      let iterations = Double(recipe.kMeansIterations) * sample + (sample < vectors ? vectors : 0)
      shared += iterations * (nearest + search.mean)
      if count <= KMeansSeeding.samplingLimit {
        let drawn = min(vectors, Double(KMeansSeeding.sampleSize(count)))
        // About a multiplication and a comparison for each coordinate.
        alone += drawn * Double(count * recipe.vectorLength) * Self.seedingStep
      }
    }
    if recipe.residualCentroidCount > 0 {
      shared += vectors * search.main
      addJointRounds(recipe.jointRounds)
    }
  }

  /// Seconds of a coordinate of a vector in k-means++: a scalar loop of a nanosecond or so.
  private static let seedingStep = 1e-9

  private mutating func addJointRounds(_ rounds: Int) {
    shared += Double(rounds) * vectors * (search.codes + 4 * search.mean)
  }

  /// The columns quantized once without and once with feedback, and again after each refit; the loss of each.
  private mutating func addPasses() {
    shared += vectors * search.codes + product
    for pass in 0...recipe.refitRounds {
      if pass > 0 {
        if recipe.residualCentroidCount > 0 {
          addJointRounds(2)
        } else {
          shared += 3 * vectors * (search.main + search.mean)
        }
      }
      shared += vectors * search.codes + product
      if recipe.feedback { addColumnUpdates() }
    }
  }

  /// What a changed column does to the later ones: within its block by updates, behind it by products.
  private mutating func addColumnUpdates() {
    shared += inputs * 64 * outputs * machine.update
    shared += inputs * inputs / 2 * outputs * machine.chunkProduct
  }

  /// A product for each step and one to begin with, of the sampled rows, and one for the loss.
  private mutating func addLeastSquares() {
    guard recipe.leastSquaresSteps > 0 else { return }
    let fits = Double(1 + recipe.descentRounds)
    let steps = Double(recipe.leastSquaresSteps + 1)
    let centroids = recipe.groupCount * (recipe.centroidCount + recipe.residualCentroidCount)
    let share = min(1, Double(centroids * recipe.sample) / vectors)
    shared += fits * (product + share * steps * (product + inputs * outputs * machine.gradientStep))
  }

  private mutating func addDescent() {
    for _ in 0..<recipe.descentRounds {
      shared += vectors * search.codes + 2 * product
      addColumnUpdates()
    }
  }

  /// The loss of rounded centroids; what tells which centroids meet in a row is of sampled rows.
  private mutating func addWholeUnits() {
    if recipe.roundsCentroids { shared += product }
  }
}
