/// What the bytes of a model's files are for.
package enum StoredPart: String, CaseIterable, Sendable {
  case codes = "main codes"
  case residualCodes = "residual codes"
  case codePadding = "padding of rows of codes"
  case codebooks = "main codebooks"
  case residualCodebooks = "residual codebooks"
  case outlierCodes = "outlier codes"
  case outlierCodebooks = "outlier codebooks"
  case scales = "scales and shifts of columns"
  case permutations = "permutations"
  case denseMatrices = "dense matrices of the blocks"
  case embedding = "embedding"
  case head = "output head"
  case norms = "norms"
  case biases = "biases"
  case other = "other tensors"
  case headers = "file headers"
}
