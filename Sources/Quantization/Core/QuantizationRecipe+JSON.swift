package import JSONReader
import Tensors

extension QuantizationRecipe {
  /// All properties, for a job folder.
  package var json: JSONValue {
    .object([
      ("vector_length", .integer(vectorLength)), ("centroids", .integer(centroidCount)),
      ("residual_centroids", .integer(residualCentroidCount)), ("outlier_percent", .number(outlierPercent)),
      ("outlier_vector_length", .integer(outlierVectorLength)), ("outlier_centroids", .integer(outlierCentroidCount)),
      ("groups", .integer(groupCount)), ("normalize", .bool(normalize)), ("permute", .bool(permute)),
      ("damping", .number(damping)), ("kmeans_iterations", .integer(kMeansIterations)),
      ("joint_rounds", .integer(jointRounds)), ("beam_width", .integer(beamWidth)), ("feedback", .bool(feedback)),
      ("refit_rounds", .integer(refitRounds)), ("least_squares_steps", .integer(leastSquaresSteps)),
      ("descent_rounds", .integer(descentRounds)), ("sample", .integer(sample)),
      ("whole_units", .bool(wholeUnits)),
      ("seed", .string(String(seed))),
    ])
  }

  /// What `json` wrote; nil if a property is missing.
  package init?(_ json: JSONValue) {
    guard let length = json["vector_length"]?.intValue, let centroids = json["centroids"]?.intValue,
      let residuals = json["residual_centroids"]?.intValue, let percent = json["outlier_percent"]?.doubleValue,
      let outlierLength = json["outlier_vector_length"]?.intValue,
      let outlierCentroids = json["outlier_centroids"]?.intValue, let groups = json["groups"]?.intValue,
      let normalize = json["normalize"]?.boolValue, let permute = json["permute"]?.boolValue,
      let damping = json["damping"]?.doubleValue, let iterations = json["kmeans_iterations"]?.intValue,
      let jointRounds = json["joint_rounds"]?.intValue, let beam = json["beam_width"]?.intValue,
      let feedback = json["feedback"]?.boolValue, let refits = json["refit_rounds"]?.intValue,
      let steps = json["least_squares_steps"]?.intValue, let descents = json["descent_rounds"]?.intValue,
      let sample = json["sample"]?.intValue, let seed = json["seed"]?.stringValue.flatMap(UInt64.init)
    else { return nil }
    self.init(vectorLength: length, centroidCount: centroids, residualCentroidCount: residuals)
    (outlierPercent, outlierVectorLength, outlierCentroidCount) = (percent, outlierLength, outlierCentroids)
    (groupCount, self.normalize, self.permute, self.damping) = (groups, normalize, permute, damping)
    (kMeansIterations, self.jointRounds, beamWidth, self.feedback) = (iterations, jointRounds, beam, feedback)
    (refitRounds, leastSquaresSteps, descentRounds) = (refits, steps, descents)
    (self.sample, self.seed) = (sample, seed)
    // Jobs of earlier programs do not say.
    wholeUnits = json["whole_units"]?.boolValue ?? false
  }
}
