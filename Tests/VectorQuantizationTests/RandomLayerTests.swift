import Tensors
import Testing

@testable import VectorQuantization

/// Layers of random contents against the formula of format section 5, written out below.
@Suite struct RandomLayerTests {
  struct Recipe: Sendable {
    var out: Int
    var inputs: Int
    var v: Int
    var k: Int
    var r = 0
    var groups = 1
    var outliers = 0
    var vo = 0
    var norm: LayerSettings.NormAxis?
    var permuted = true
    var biased = false
  }

  static let recipes: [Recipe] = [
    Recipe(out: 70, inputs: 50, v: 8, k: 256, norm: .input),
    Recipe(out: 100, inputs: 97, v: 12, k: 4096, r: 4096, norm: .input, biased: true),
    Recipe(out: 33, inputs: 40, v: 5, k: 300, r: 20, norm: .output),
    Recipe(out: 129, inputs: 75, v: 6, k: 64, r: 16, groups: 3, outliers: 3, vo: 4, norm: .input, biased: true),
    Recipe(out: 66, inputs: 2100, v: 8, k: 16, groups: 2, outliers: 100, vo: 16, norm: .input),
    Recipe(out: 40, inputs: 64, v: 37, k: 8, r: 2, permuted: false, biased: true),
    Recipe(out: 163, inputs: 400, v: 8, k: 16, r: 4, norm: .input),
    Recipe(out: 161, inputs: 400, v: 6, k: 12, r: 3, groups: 2),
    Recipe(out: 3, inputs: 5, v: 1, k: 2, norm: .output, permuted: false),
    Recipe(out: 5, inputs: 9, v: 24, k: 65536, r: 65536, norm: .input),
  ]

  private struct Contents {
    var layer: VectorQuantizedLinear
    var weight: [Float]
  }

  private func make(_ recipe: Recipe, seed: UInt64) throws -> Contents {
    var stream = Stream(seed)
    let settings = try LayerSettings(
      vectorLength: recipe.v, centroidCount: recipe.k, residualCentroidCount: recipe.r, outlierVectorLength: recipe.vo,
      outlierCentroidCount: recipe.outliers > 0 ? 33 : 0, outlierSize: recipe.outliers, groupCount: recipe.groups,
      normEnabled: recipe.norm != nil, normAxis: recipe.norm ?? .input, permutationEnabled: recipe.permuted
    ).resolved(outFeatures: recipe.out, inFeatures: recipe.inputs, layer: "m")
    let g = settings.groupSize, rows = settings.vectorRows(outFeatures: recipe.out)
    let count = recipe.groups * rows * g
    let book = stream.floats(recipe.groups * recipe.k * recipe.v)
    let residualBook = stream.floats(recipe.groups * recipe.r * recipe.v)
    let main = (0..<count).map { _ in UInt32(stream.below(recipe.k)) }
    let residual = recipe.r > 0 ? (0..<count).map { _ in UInt32(stream.below(recipe.r)) } : nil
    let outlierBook = stream.floats(33 * recipe.vo)
    let outlierRows = settings.outlierRows(outFeatures: recipe.out)
    let outlierCodes = (0..<(outlierRows * recipe.outliers)).map { _ in UInt16(stream.below(33)) }
    let order = recipe.permuted ? stream.permutation(recipe.inputs) : (0..<recipe.inputs).map { UInt32($0) }
    let width = recipe.norm == .output ? recipe.out : recipe.inputs
    let scale = stream.floats(width), shift = stream.floats(width)
    let bias = stream.floats(recipe.out)
    let layer = try VectorQuantizedLinear(
      module: "m", settings: settings, outFeatures: recipe.out, inFeatures: recipe.inputs,
      centroids: Codebook(book, groupCount: recipe.groups, count: recipe.k, vectorLength: recipe.v, dtype: .float32),
      residualCentroids: recipe.r > 0
        ? Codebook(residualBook, groupCount: recipe.groups, count: recipe.r, vectorLength: recipe.v, dtype: .float32)
        : nil,
      indices: PackedIndices(
        main: main, residual: residual, settings: settings, groupCount: recipe.groups, rowCount: rows, columnCount: g),
      outlierCentroids: recipe.outliers > 0
        ? Codebook(outlierBook, count: 33, vectorLength: recipe.vo, dtype: .float32) : nil,
      outlierIndices: recipe.outliers > 0
        ? Tensor(bits: outlierCodes, dtype: .int16, shape: [1, outlierRows, recipe.outliers]) : nil,
      permutation: recipe.permuted ? Permutation(order) : nil,
      scale: recipe.norm == nil ? nil : Tensor(scale, shape: [width]),
      shift: recipe.norm == nil ? nil : Tensor(shift, shape: [width]),
      bias: recipe.biased ? Tensor(bias, shape: [recipe.out]) : nil)
    var weight = [Float](repeating: 0, count: recipe.out * recipe.inputs)
    for o in 0..<recipe.out {
      for c in 0..<recipe.inputs {
        var q: Float
        if c < recipe.outliers {
          let code = Int(outlierCodes[o / recipe.vo * recipe.outliers + c])
          q = outlierBook[code * recipe.vo + o % recipe.vo]
        } else {
          let s = (c - recipe.outliers) / g, j = (c - recipe.outliers) % g
          let at = (s * rows + o / recipe.v) * g + j, e = o % recipe.v
          q = book[(s * recipe.k + Int(main[at])) * recipe.v + e]
          if let residual { q += residualBook[(s * recipe.r + Int(residual[at])) * recipe.v + e] }
        }
        let i = Int(order[c])
        switch recipe.norm {
        case .input: q = q * scale[i] + shift[i]
        case .output: q = q * scale[o] + shift[o]
        case nil: break
        }
        weight[o * recipe.inputs + i] = q
      }
    }
    return Contents(layer: layer, weight: weight)
  }

  @Test(arguments: recipes)
  func dequantizes(_ recipe: Recipe) throws {
    let contents = try make(recipe, seed: 1)
    #expect(try contents.layer.dequantized() == contents.weight)
  }

  @Test(arguments: recipes, [1, 2, 5, 40])
  func multiplies(_ recipe: Recipe, tokens: Int) throws {
    let contents = try make(recipe, seed: 2)
    var stream = Stream(3)
    let x = stream.floats(tokens * recipe.inputs)
    let expected = denseProduct(
      contents.weight, x, tokens: tokens, inFeatures: recipe.inputs, bias: try contents.layer.bias?.floats())
    for byTiles in [false, true] {
      expectClose(try product(contents.layer, x, tokens: tokens, byTiles: byTiles), expected, 1e-5)
    }
  }

  /// Format section 3.2: 16-bit codes, 64-bit permutation, codes in float16-typed tensors.
  @Test(arguments: recipes, [DType.int16, .uint16, .float16, .int64])
  func readsTheUnpackedForm(_ recipe: Recipe, dtype: DType) throws {
    let contents = try make(recipe, seed: 4)
    let layer = contents.layer
    var source = MemorySource(layer, module: "m")
    let shape: Shape = [
      recipe.groups, layer.indices.rowCount, layer.indices.columnCount,
    ]
    let stored = { (codes: [UInt32]) -> Tensor in
      dtype == .int64
        ? Tensor(bits: codes.map { Int64($0) }, dtype: dtype, shape: shape)
        : Tensor(bits: codes.map { UInt16($0) }, dtype: dtype, shape: shape)
    }
    source["m.indices"] = stored(layer.mainCodes())
    source["m.res_indices"] = layer.residualCodes().map(stored)
    if let permutation = layer.permutation { source["m.perm"] = permutation.wideTensor }
    var settings = layer.settings
    settings.isPacked = false
    settings.indicesAsFloat = dtype == .float16
    settings.groupSize = -1
    let read = try VectorQuantizedLinear(
      reading: source, module: "m", settings: settings, outFeatures: recipe.out, inFeatures: recipe.inputs)
    #expect(read.indices.unpacked() == layer.indices.unpacked())
    #expect(try read.dequantized() == contents.weight)
    #expect(read.settings.isPacked && !read.settings.indicesAsFloat)
  }

  /// Whatever second form of the codes this machine has, it is the same when it is made for one product.
  @Test(arguments: [
    Recipe(out: 322, inputs: 300, v: 4, k: 64, r: 16, norm: .input), Recipe(out: 322, inputs: 300, v: 4, k: 256, r: 16),
    Recipe(out: 642, inputs: 600, v: 8, k: 256, r: 256, groups: 2), Recipe(out: 800, inputs: 900, v: 8, k: 4096),
  ])
  func codesThatAreNotKept(_ recipe: Recipe) throws {
    let layer = try make(recipe, seed: 7).layer
    let (kept, made) = (VectorQuantizedKernel(layer), VectorQuantizedKernel(layer, keepsCodes: false))
    var stream = Stream(8)
    for tokens in [1, 3, 9] {
      let x = stream.floats(tokens * recipe.inputs)
      func product(_ kernel: VectorQuantizedKernel) -> [Float] {
        var y = [Float](repeating: 0, count: tokens * recipe.out)
        kernel.multiply(x, tokens: tokens, into: &y)
        return y
      }
      let expected = product(kept)
      #expect(product(made) == expected)
      #expect(product(made) == expected)
    }
  }

  /// Layers whose loops are run together give what each gives alone, whatever share of the work is said to be theirs.
  @Test(arguments: [1, 3, 9, 35])
  func sharedLoops(tokens: Int) throws {
    let layers = try [
      Recipe(out: 322, inputs: 300, v: 4, k: 256, norm: .input),
      Recipe(out: 70, inputs: 300, v: 8, k: 4096, norm: .output),
    ].map { try make($0, seed: 9).layer }
    var stream = Stream(10)
    let x = stream.floats(tokens * 300)
    for isExact in [false, true] {
      for byTiles in [false, true] {
        let (a, b) = (
          VectorQuantizedKernel(layers[0], isExact: isExact), VectorQuantizedKernel(layers[1], isExact: isExact)
        )
        var (alone, together) = ([[Float]](), [[Float]]())
        for kernel in [a, b] {
          alone.append([Float](repeating: .nan, count: tokens * kernel.outFeatures))
          together.append(alone[alone.count - 1])
        }
        x.withUnsafeBufferPointer { x in
          guard let x = x.baseAddress else { return }
          for (index, kernel) in [a, b].enumerated() {
            alone[index].withUnsafeMutableBufferPointer { y in
              if let y = y.baseAddress { kernel.multiply(x, tokens: tokens, into: y, byTiles: byTiles) }
            }
          }
          var (first, second) = (together[0], together[1])
          first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
              guard let first = first.baseAddress, let second = second.baseAddress else { return }
              a.withLoops(x, tokens: tokens, into: first, byTiles: byTiles, share: 0.8) { _, prepareA, countA, runA in
                b.withLoops(x, tokens: tokens, into: second, byTiles: byTiles, share: 0.2) {
                  _, prepareB, countB, runB in
                  ProductLoops.run(
                    tokens: tokens, prepares: true,
                    prepare: {
                      prepareA($0)
                      prepareB($0)
                    }, taskCount: countA + countB, run: { $0 < countA ? runA($0) : runB($0 - countA) })
                }
              }
            }
          }
          together = [first, second]
        }
        #expect(alone == together && alone.allSatisfy { $0.allSatisfy(\.isFinite) })
      }
    }
  }

  /// The same values at any thread count, bit for bit.
  @Test func threadsDoNotMatter() throws {
    let contents = try make(Self.recipes[3], seed: 5)
    var stream = Stream(6)
    let x = stream.floats(5 * 75)
    let before = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = before }
    for byTiles in [false, true] {
      WorkerPool.shared.threadCount = 1
      let alone = try product(contents.layer, x, tokens: 5, byTiles: byTiles)
      WorkerPool.shared.threadCount = 4
      #expect(try product(contents.layer, x, tokens: 5, byTiles: byTiles) == alone)
    }
  }
}
