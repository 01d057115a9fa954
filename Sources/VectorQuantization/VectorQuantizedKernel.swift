import CKernels
package import Tensors

/// The run-time form of a vector-quantized layer: packed codes with float32 tables, for products `y = x Wᵀ + b`.
///
/// Permutation and input-side affine step are applied to the activations, once per token (format section 7). With small
/// codebooks, integers are multiplied. Else a few tokens are multiplied straight from the codes; many tokens share tiles of
/// dequantized outputs.
public final class VectorQuantizedKernel: @unchecked Sendable {
  /// Width of the input.
  public let inFeatures: Int
  /// Width of the output.
  public let outFeatures: Int

  /// Outlier columns first, then one part per group, in storage order.
  let parts: [VectorQuantizedPart]
  /// The same, as products take them where codes are kept.
  private let sharedParts: [Unmanaged<VectorQuantizedPart>]
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
    sharedParts = parts.map { Unmanaged.passUnretained($0) }
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
    withLoops(x, tokens: tokens, into: y, byTiles: byTiles) {
      ProductLoops.run(tokens: tokens, prepares: $0, prepare: $1, taskCount: $2, run: $3)
    }
  }

  /// Runs `body` with the product as loops, which are good for as long as `body` runs.
  ///
  /// - Parameter share: which share of all weights that are multiplied in the same loops this matrix has; its tasks are as large as the others'.
  package func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>, byTiles: Bool, share: Double = 1,
    _ body: ProductLoops.Body
  ) {
    if !byTiles || hasPlanes && ck_active().pointee.prefers_planes_for_prompts != 0 {
      withDirectLoops(x, tokens: tokens, into: y, share: share, body)
    } else {
      withTileLoops(x, tokens: tokens, into: y, body)
    }
    withExtendedLifetime(self) {}
  }

  /// Activations are put in storage order, as integers and whole groups of them with a lane for each, and multiplied with the codes.
  private func withDirectLoops(
    _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    let parts = keepsCodes ? self.parts : self.parts.map { $0.withCodes() }
    let shared = keepsCodes ? sharedParts : parts.map { Unmanaged.passUnretained($0) }
    shared.withUnsafeBufferPointer {
      withDirectLoops($0, x, tokens: tokens, into: y, share: share, body)
    }
    withExtendedLifetime(parts) {}
  }

  private func withDirectLoops(
    _ parts: SharedParts, _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    let kernels = ck_active().pointee
    let laneCount = ProductLoops.laneCount
    let usesLanes = kernels.prefers_planes_for_prompts != 0 && hasPlanes
    let grouped = usesLanes ? tokens / laneCount * laneCount : 0
    // Values by token are kept of those without lanes, or of all where something reads them.
    let readsLanesAlone =
      vectorLength <= laneCount && parts.allSatisfy { $0._withUnsafeGuaranteedRef { $0.planes != nil } }
    let firstKept = readsLanesAlone ? grouped : 0
    let line = 64 / MemoryLayout<Float>.size
    let splitLines = (SplitActivations.byteCount(tokens: tokens, parts: parts) + 63) / 64
    let offsetLines = (tokens + line - 1) / line
    withScratch(count: (offsetLines + splitLines) * line + (grouped + tokens - firstKept) * inFeatures) { offsets in
      let splits = SplitActivations(tokens: tokens, parts: parts, in: offsets + offsetLines * line)
      let lanes = offsets + (offsetLines + splitLines) * line
      let kept = lanes + grouped * inFeatures
      let prepared = PreparedTokens(
        count: tokens, parts: parts, offsets: offsets, splits: splits,
        lanes: ck_token_lanes(values: grouped > 0 ? UnsafePointer(lanes) : nil, stride: laneCount * inFeatures),
        kept: kept)
      let rowsPerTask = rowsPerTask(tokens: tokens, share: share)
      func prepare(_ range: Range<Int>) {
        guard range.upperBound <= grouped else {
          for token in range {
            let target = kept + (token - firstKept) * inFeatures
            offsets[token] = input.apply(x + token * inFeatures, into: target)
            splits?.fill(token: token, with: target, kernels: kernels)
          }
          return
        }
        let first = range.lowerBound
        withScratch(count: readsLanesAlone ? laneCount * inFeatures : 0) { aside in
          let rows = readsLanesAlone ? aside : kept + first * inFeatures
          input.apply(
            x + first * inFeatures, into: rows, lanes: lanes + first * inFeatures, offsets: offsets + first)
          for token in 0..<laneCount {
            splits?.fill(token: first + token, with: rows + token * inFeatures, kernels: kernels)
          }
        }
      }
      body(true, prepare, (vectorRows + rowsPerTask - 1) / rowsPerTask) { task in
        multiply(
          prepared, rows: (task * rowsPerTask)..<min((task + 1) * rowsPerTask, vectorRows), kernels: kernels, into: y)
      }
    }
  }

  /// Tokens as products straight from the codes take them.
  private struct PreparedTokens {
    let count: Int
    let parts: SharedParts
    /// What `ActivationTransform` says of each.
    let offsets: UnsafePointer<Float>
    let splits: SplitActivations?
    let lanes: ck_token_lanes
    /// In storage order, of all tokens if some part takes no integers.
    let kept: UnsafePointer<Float>
  }

  /// A task's outputs: those of whole vector rows of the main codes; of outlier vectors that cross its border it keeps its share.
  private func multiply(
    _ x: PreparedTokens, rows: Range<Int>, kernels: ck_kernels, into y: UnsafeMutablePointer<Float>
  ) {
    let outputs = (rows.lowerBound * vectorLength)..<min(rows.upperBound * vectorLength, outFeatures)
    let width = rows.count * vectorLength
    withScratch(count: x.count * width) { sums in
      sums.update(repeating: 0, count: x.count * width)
      for index in 0..<x.parts.count {
        x.parts[index]._withUnsafeGuaranteedRef { part in
          if let splits = x.splits, part.paddedColumns > 0 {
            part.accumulate(
              splits.split(token: 0, part: index), stride: x.parts.count, tokens: x.count,
              lanes: ck_token_lanes(
                values: x.lanes.values.map { $0 + ProductLoops.laneCount * part.firstColumn }, stride: x.lanes.stride),
              outputs: outputs, into: sums, sumStride: width, kernels: kernels)
            return
          }
          for token in 0..<x.count {
            part.accumulate(
              x.kept + token * inFeatures + part.firstColumn, outputs: outputs, into: sums + token * width,
              kernels: kernels)
          }
        }
      }
      for token in 0..<x.count {
        let target = y + token * outFeatures + outputs.lowerBound
        target.update(from: sums + token * width, count: outputs.count)
        output.apply(target, outputs: outputs, offset: x.offsets[token])
      }
    }
  }

  /// How many vector rows a task owns, in whole bands; a row's result does not depend on it.
  ///
  /// For few tokens two long runs of rows a thread, `share` of which are of this matrix: codes are fetched ahead along a run, and the second run evens
  /// out what the first took longer. For many, as many as have sums that stay in the cache, and an even number of bands: some kernels take two together.
  private func rowsPerTask(tokens: Int, share: Double) -> Int {
    let wanted = Double((tokens < Self.promptTokens ? 2 : 8) * WorkerPool.shared.threadCount)
    let tasks = max(1, Int((share * wanted).rounded(.up)))
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

  private func withTileLoops(
    _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>, _ body: ProductLoops.Body
  ) {
    let kernels = ck_active().pointee
    withScratch(count: tokens * (inFeatures + 1)) { stored in
      let offsets = stored + tokens * inFeatures
      let panels = PanelProduct(stored, tokens: tokens, rows: outFeatures, columns: inFeatures, into: y)
      func prepare(_ range: Range<Int>) {
        for token in range {
          offsets[token] = input.apply(x + token * inFeatures, into: stored + token * inFeatures)
        }
      }
      body(true, prepare, panels.count) { index in
        panels.run(index) { first, rows, start, end, panel in
          for part in parts {
            let low = max(start, part.firstColumn), high = min(end, part.firstColumn + part.columnCount)
            guard low < high else { continue }
            part.fill(
              panel + (low - start) * Int(CK_PANEL), outputs: first..<(first + rows),
              columns: (low - part.firstColumn)..<(high - part.firstColumn), kernels: kernels)
          }
        }
        let outputs = panels.outputs(index)
        for token in 0..<tokens {
          output.apply(y + token * outFeatures + outputs.lowerBound, outputs: outputs, offset: offsets[token])
        }
      }
    }
  }
}
