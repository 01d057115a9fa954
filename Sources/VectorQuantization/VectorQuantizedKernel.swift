import CKernels
import Tensors

/// The run-time form of a vector-quantized layer: packed codes with float32 tables, for products `y = x Wᵀ + b`.
///
/// Permutation and input-side affine step are applied to the activations, once per token (format section 7). With small
/// codebooks, integers are multiplied. Else a few tokens are multiplied straight from the codes; many tokens share tiles of
/// dequantized outputs.
public final class VectorQuantizedKernel: Sendable {
  /// Width of the input.
  public let inFeatures: Int
  /// Width of the output.
  public let outFeatures: Int

  /// Outlier columns first, then one part per group, in storage order.
  let parts: [VectorQuantizedPart]
  let input: ActivationTransform
  let output: OutputTransform
  private let vectorLength: Int
  private let vectorRows: Int
  /// Whether the codes of all groups have planes, which serve any number of tokens where the machine is fast at that.
  private let hasPlanes: Bool
  private let keepsCodes: Bool
  /// Whether products read codes where they are stored, not only the second form of them.
  package let readsStoredCodes: Bool

  /// Calls with at most this many tokens read the codes anew for each token: filling a tile takes as long as two to
  /// three products with one token.
  package static let directTokenLimit = 3

  /// From so many tokens on, tasks are kept small enough for their sums to stay in the cache.
  private static let promptTokens = 16

  /// Activations that share a register, a lane for each.
  private static let laneCount = 16

  /// Sums that a task may keep, so that they stay in the second-level cache.
  private static let cachedSums = 1 << 16

  /// Builds the tables of `layer`; its codes stay where they are, and small codebooks may get a second form of them.
  ///
  /// - Parameters:
  ///   - isExact: whether products use the centroids as stored, in float32, even where int8 centroids and 16-bit
  ///     activations would be faster.
  ///   - keepsCodes: whether a second form of codes stays in memory; if not, it is made again for each product.
  public init(_ layer: VectorQuantizedLinear, isExact: Bool = false, keepsCodes: Bool = true) {
    let settings = layer.settings
    inFeatures = layer.inFeatures
    outFeatures = layer.outFeatures
    vectorLength = settings.vectorLength
    vectorRows = settings.vectorRows(outFeatures: layer.outFeatures)
    var parts: [VectorQuantizedPart] = []
    if let part = VectorQuantizedPart(outliersOf: layer) { parts.append(part) }
    for group in 0..<settings.groupCount {
      parts.append(VectorQuantizedPart(group: group, of: layer, isExact: isExact, keepsCodes: keepsCodes))
    }
    self.parts = parts
    self.keepsCodes = keepsCodes
    hasPlanes = parts.suffix(settings.groupCount).allSatisfy { $0.planes != nil }
    // Planes replace the codes for any number of tokens.
    readsStoredCodes = !hasPlanes || !keepsCodes || ck_active().pointee.prefers_planes_for_prompts == 0
    if !readsStoredCodes { layer.indices.tensor.releasePages() }
    input = ActivationTransform(layer)
    output = OutputTransform(layer)
  }

  /// Computes `y[tokens, outFeatures]` from `x[tokens, inFeatures]`, both row-major; `x` and `y` do not overlap.
  public func multiply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    multiply(x, tokens: tokens, into: y, byTiles: tokens > Self.directTokenLimit)
  }

  /// As `multiply`, with the path chosen by the caller.
  package func multiply(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>, byTiles: Bool) {
    guard tokens > 0 else { return }
    withScratch(count: tokens) { offsets in
      guard byTiles, !hasPlanes || ck_active().pointee.prefers_planes_for_prompts == 0 else {
        multiplyDirectly(x, tokens: tokens, offsets: offsets, into: y)
        return
      }
      withScratch(count: tokens * inFeatures) { stored in
        parallelFor(tokens) { token in
          offsets[token] = input.apply(x + token * inFeatures, into: stored + token * inFeatures)
        }
        multiplyByTiles(stored, tokens: tokens, into: y)
      }
      parallelFor(tokens) { token in
        output.apply(y + token * outFeatures, outputs: 0..<outFeatures, offset: offsets[token])
      }
    }
    withExtendedLifetime(self) {}
  }

  /// Puts activations in storage order, as integers and whole groups of them with a lane for each, and multiplies them.
  ///
  /// - Parameter offsets: gets what `ActivationTransform` says of each.
  private func multiplyDirectly(
    _ x: UnsafePointer<Float>, tokens: Int, offsets: UnsafeMutablePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let parts = keepsCodes ? self.parts : self.parts.map { $0.withCodes() }
    let groups = kernels.prefers_planes_for_prompts != 0 && hasPlanes ? tokens / Self.laneCount : 0
    let grouped = groups * Self.laneCount
    // Values by token are kept of those without lanes, or of all where something reads them.
    let readsLanesAlone = vectorLength <= Self.laneCount && parts.allSatisfy { $0.planes != nil }
    let firstKept = readsLanesAlone ? grouped : 0
    let line = 64 / MemoryLayout<Float>.size
    let splitLines = (SplitActivations.byteCount(tokens: tokens, parts: parts) + 63) / 64
    withScratch(count: splitLines * line + grouped * inFeatures) { memory in
      let splits = SplitActivations(tokens: tokens, parts: parts, in: memory)
      let lanes = memory + splitLines * line
      withScratch(count: (tokens - firstKept) * inFeatures) { kept in
        parallelFor(groups + tokens - grouped) { index in
          guard index < groups else {
            let token = grouped + index - groups
            let target = kept + (token - firstKept) * inFeatures
            offsets[token] = input.apply(x + token * inFeatures, into: target)
            splits?.fill(token: token, with: target, kernels: kernels)
            return
          }
          let first = index * Self.laneCount
          withScratch(count: readsLanesAlone ? Self.laneCount * inFeatures : 0) { aside in
            let rows = readsLanesAlone ? aside : kept + first * inFeatures
            input.apply(
              x + first * inFeatures, into: rows, lanes: lanes + first * inFeatures, offsets: offsets + first)
            for token in 0..<Self.laneCount {
              splits?.fill(token: first + token, with: rows + token * inFeatures, kernels: kernels)
            }
          }
        }
        let ownLanes = ck_token_lanes(
          values: groups > 0 ? UnsafePointer(lanes) : nil, stride: Self.laneCount * inFeatures)
        multiplyPrepared(
          kept, lanes: ownLanes, splits: splits, parts: parts, tokens: tokens, offsets: offsets, into: y)
      }
    }
  }

  /// Each task owns whole vector rows of the main codes; of outlier vectors that cross its border it keeps its share.
  ///
  /// - Parameter x: activations in storage order, of all tokens if some part takes no integers.
  private func multiplyPrepared(
    _ x: UnsafePointer<Float>, lanes: ck_token_lanes, splits: SplitActivations?, parts: [VectorQuantizedPart],
    tokens: Int, offsets: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let rowsPerTask = rowsPerTask(tokens: tokens)
    parallelFor((vectorRows + rowsPerTask - 1) / rowsPerTask) { task in
      let rows = (task * rowsPerTask)..<min((task + 1) * rowsPerTask, vectorRows)
      let outputs = (rows.lowerBound * vectorLength)..<min(rows.upperBound * vectorLength, outFeatures)
      let width = rows.count * vectorLength
      withScratch(count: tokens * width) { sums in
        sums.update(repeating: 0, count: tokens * width)
        for (index, part) in parts.enumerated() {
          if let splits, let split = splits.split(token: 0, part: index) {
            part.accumulate(
              split, stride: parts.count, tokens: tokens,
              lanes: ck_token_lanes(
                values: lanes.values.map { $0 + Self.laneCount * part.firstColumn }, stride: lanes.stride),
              outputs: outputs, into: sums, sumStride: width, kernels: kernels)
            continue
          }
          for token in 0..<tokens {
            part.accumulate(
              x + token * inFeatures + part.firstColumn, outputs: outputs, into: sums + token * width, kernels: kernels)
          }
        }
        for token in 0..<tokens {
          let target = y + token * outFeatures + outputs.lowerBound
          target.update(from: sums + token * width, count: outputs.count)
          output.apply(target, outputs: outputs, offset: offsets[token])
        }
      }
    }
  }

  /// How many vector rows a task owns, in whole bands; a row's result does not depend on it.
  ///
  /// For few tokens two long runs of rows a thread: codes are fetched ahead along a run, and the second run evens out what the first
  /// took longer. For many, as many as have sums that stay in the cache, and an even number of bands: some kernels take two together.
  private func rowsPerTask(tokens: Int) -> Int {
    let tasks = (tokens < Self.promptTokens ? 2 : 8) * WorkerPool.shared.threadCount
    let cached = Self.cachedSums / (tokens * vectorLength)
    let bands = (vectorRows + PlaneLayout.bandRows - 1) / PlaneLayout.bandRows
    let own = max(1, min((bands + tasks - 1) / tasks, cached / PlaneLayout.bandRows))
    return PlaneLayout.bandRows * (tokens < Self.promptTokens ? own : own + own % 2)
  }

  /// About how many bytes of memory a product takes: all of them, and those that stay where the codes are left on disk.
  package static func memory(of layer: VectorQuantizedLinear, isExact: Bool) -> (all: Int, tables: Int) {
    let settings = layer.settings
    let kernels = ck_active().pointee
    let codeCount = layer.indices.rowCount * layer.indices.columnCount
    let pairs = settings.codeBits <= 12 ? 1 << settings.codeBits : 0
    let centroids = max(pairs, settings.centroidCount + settings.residualCentroidCount)
    // Float32 and bytes of each centroid; three codes in two hundred may need more than a byte.
    let tables = settings.groupCount * (6 * (settings.vectorLength + 3) * centroids + codeCount / 20)
    let packed = 4 * settings.groupCount * layer.indices.rowCount * layer.indices.wordsPerRow
    let largest = max(settings.centroidCount, settings.residualCentroidCount)
    guard !isExact, largest <= kernels.plane_centroids, codeCount >= CodePlanes.leastCodes else {
      return (packed + tables, tables)
    }
    let rest = !settings.hasResidual ? 0 : settings.residualCentroidCount <= 16 ? 4 : 8
    let bandCodes = (layer.indices.rowCount + PlaneLayout.bandRows - 1) / PlaneLayout.bandRows * PlaneLayout.bandRows
    let planes =
      settings.groupCount * bandCodes * layer.indices.columnCount * ((settings.centroidCount <= 64 ? 6 : 8) + rest) / 8
    return (planes + (kernels.prefers_planes_for_prompts != 0 ? 0 : packed) + tables, tables)
  }

  private func multiplyByTiles(_ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>) {
    let kernels = ck_active().pointee
    PanelProduct.run(x, tokens: tokens, rows: outFeatures, columns: inFeatures, into: y) {
      first, rows, start, end, panel in
      for part in parts {
        let low = max(start, part.firstColumn), high = min(end, part.firstColumn + part.columnCount)
        guard low < high else { continue }
        part.fill(
          panel + (low - start) * Int(CK_PANEL), outputs: first..<(first + rows),
          columns: (low - part.firstColumn)..<(high - part.firstColumn), kernels: kernels)
      }
    }
  }
}
