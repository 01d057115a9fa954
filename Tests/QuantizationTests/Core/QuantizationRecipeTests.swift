import JSONReader
import Testing

@testable import Quantization

@Suite("Quantization recipe")
struct QuantizationRecipeTests {
  @Test(
    "Presets give vector length, centroids and residual centroids",
    arguments: [
      ("v8-k256-256", 8, 256, 256, 2.0), ("v4-k256-16", 4, 256, 16, 3.0), ("v4-k4096-0", 4, 4096, 0, 3.0),
      ("v4-k4096", 4, 4096, 0, 3.0), ("v8-k65536-256", 8, 65536, 256, 3.0),
    ])
  func presets(name: String, length: Int, centroids: Int, residuals: Int, bits: Double) throws {
    let recipe = try QuantizationRecipe(preset: name)
    #expect(recipe.vectorLength == length)
    #expect(recipe.centroidCount == centroids)
    #expect(recipe.residualCentroidCount == residuals)
    #expect(recipe.codeBitsPerWeight == bits)
  }

  @Test(
    "Names of another form and sizes out of range are refused",
    arguments: [
      "", "v4", "v4-256", "k256-v4", "v4-k256-16-2", "v0-k256", "v4-k100", "v4-k131072", "v4-k256--1", "v-k2",
    ])
  func badPresets(name: String) {
    let error = #expect(throws: QuantizationError.self) { try QuantizationRecipe(preset: name) }
    #expect(error?.code == .invalidRecipe)
  }

  /// Shared case Q18: each wrong value is named together with the legal ones.
  @Test("Outlier options without each other are refused by name")
  func outliers() {
    var recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256)
    recipe.outlierPercent = 1
    recipe.outlierVectorLength = -1
    let length = #expect(throws: QuantizationError.self) { try recipe.validate() }
    #expect(length?.message.contains("outlier vector length -1") == true)
    #expect(length?.message.contains("legal values") == true)
    recipe.outlierVectorLength = 4
    let count = #expect(throws: QuantizationError.self) { try recipe.validate() }
    #expect(count?.message.contains("outlier centroid count 0") == true)
    recipe.outlierCentroidCount = 16
    #expect(throws: QuantizationError.self) {
      try ColumnLayout(recipe: recipe, outFeatures: 4, inFeatures: 16, name: "layer")
    }
  }

  @Test("Steps are set by name")
  func settings() throws {
    var recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256)
    try recipe.set("damping", to: "0.05")
    try recipe.set("descent-rounds", to: "7")
    try recipe.set("permute", to: "off")
    #expect(recipe.damping == 0.05)
    #expect(recipe.descentRounds == 7)
    #expect(!recipe.permute)
    try recipe.set("whole-units", to: "on")
    #expect(recipe.wholeUnits)
  }

  @Test("A recipe is read back as written; one of a program before whole units has none")
  func json() throws {
    var recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256)
    (recipe.seed, recipe.sample, recipe.damping, recipe.wholeUnits) = (7, 100, 0.25, true)
    #expect(QuantizationRecipe(recipe.json) == recipe)
    let members = try #require(recipe.json.objectValue).filter { $0.key != "whole_units" }
    let before = try #require(QuantizationRecipe(.object(members.map { ($0.key, $0.value) })))
    #expect(!before.wholeUnits)
    recipe.wholeUnits = false
    #expect(before == recipe)
  }

  @Test(
    "Unknown names and values of another kind are refused by name",
    arguments: [
      ("beams", "8", "beam-width"), ("beam-width", "wide", "whole number"), ("permute", "yes", "on or off"),
      ("damping", "", "a number"),
    ])
  func badSettings(name: String, value: String, says: String) {
    var recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256)
    let error = #expect(throws: QuantizationError.self) { try recipe.set(name, to: value) }
    #expect(error?.code == .invalidRecipe)
    #expect(error?.message.contains(name) == true)
    #expect(error?.message.contains(says) == true)
  }
}
