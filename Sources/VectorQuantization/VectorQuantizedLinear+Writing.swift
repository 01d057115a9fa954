public import Tensors

extension VectorQuantizedLinear {
  /// The tensors of the packed form under their names below the module, for instance `centroids.weight` (format
  /// section 3.1); read back with `settings` they give an equal layer.
  public func tensors() -> [(name: String, tensor: Tensor)] {
    let parts: [(name: String, tensor: Tensor?)] = [
      ("centroids.weight", centroids.tensor),
      ("res_centroids.weight", residualCentroids?.tensor),
      ("outlier_centroids.weight", outlierCentroids?.tensor),
      ("indices", indices.tensor),
      ("outlier_indices", outlierIndices),
      ("perm", permutation?.tensor),
      ("weight_scale", scale),
      ("weight_bias", shift),
      ("bias", bias),
    ]
    return parts.compactMap { part in part.tensor.map { (part.name, $0) } }
  }
}
