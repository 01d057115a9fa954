import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Keys and values in all their forms; what each may lose follows from its rounding.
@Suite("Key-value cache")
struct KeyValueCacheTests {
  /// A model whose blocks have grouped heads, and one whose keys serve as values.
  static let models = ["llama", "deepseek3"]

  private func load(_ name: String, _ cache: CacheForm?, isExact: Bool = false) throws -> any CausalLanguageModel {
    let fixture = try ArchitectureFixture(name)
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try fixture.write(to: folder, spelling: "config.json", dtype: .float32)
    return try ModelRegistry.load(
      try ModelDirectory(path: folder.path), options: RuntimeOptions(isExact: isExact, cache: cache))
  }

  /// Root mean square of the differences over that of the values.
  private func relativeError(_ values: [Float], _ expected: [Float]) -> Float {
    guard values.count == expected.count else { return .infinity }
    let error = zip(values, expected).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (error / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  /// Half of the tokens are nearer than the bound; the others may have met other experts, or a near tie of scores.
  @Test(
    "Logits over rounded keys and values are near those over exact ones, token by token and in one piece",
    arguments: ArchitectureFixture.names, [(CacheForm.float16, Float(2e-3)), (.int8, 5e-2)])
  func nearness(name: String, form: (CacheForm, Float)) throws {
    let fixture = try ArchitectureFixture(name)
    let (model, exact) = (try load(name, form.0), try load(name, .float32))
    #expect(model.cacheForm == form.0)
    func median(_ errors: [Float]) -> Float { errors.sorted()[errors.count / 2] }
    let whole = model.makeCache(capacity: fixture.prompt.count)
    let inOne = try model.forward([Segment(tokens: fixture.prompt, cache: whole)], logits: .all)
    let expected = try fixture.logits
    let width = inOne.vocabularySize
    #expect(
      median(
        (0..<inOne.rows).map { row in
          relativeError(Array(inOne.row(row)), Array(expected[(row * width)..<((row + 1) * width)]))
        }) < form.1)
    #expect(inOne.values != expected)
    let caches = [model, exact].map { $0.makeCache(capacity: fixture.prompt.count) }
    let errors = try fixture.prompt.map { token in
      let values = try model.forward([Segment(tokens: [token], cache: caches[0])], logits: .last).values
      let expected = try exact.forward([Segment(tokens: [token], cache: caches[1])], logits: .last).values
      return relativeError(values, expected)
    }
    #expect(median(errors) < form.1)
  }

  @Test("Rows outlive growth, and a copy has those of its beginning", arguments: models, CacheForm.allCases)
  func growth(name: String, form: CacheForm) throws {
    let blocks = try load(name, nil).configuration.blocks
    let cache = KeyValueCache(blocks, capacity: 2000, form: form)
    #expect(cache.byteCount == 0)
    func row(_ layer: Int, _ head: Int, _ position: Int, _ isValue: Bool, width: Int) -> [Float] {
      (0..<width).map { Float(($0 * 7 + position * 13 + head * 31 + layer * 5 + (isValue ? 3 : 0)) % 255 - 127) / 127 }
    }
    func forEachHead(_ cache: KeyValueCache, _ body: (Int, Int, CachedRows, Bool) -> Void) {
      for (layer, block) in blocks.enumerated() {
        let rows = KeyValueCache.Rows(block.attention)
        for head in 0..<rows.heads {
          body(layer, head, cache.block(layer).keys(head: head), false)
          if rows.valueDimension > 0 { body(layer, head, cache.block(layer).values(head: head), true) }
        }
      }
    }
    func wrongRows(_ cache: KeyValueCache, _ positions: Range<Int>) -> Int {
      var wrong = 0
      forEachHead(cache) { layer, head, rows, isValue in
        for position in positions {
          var values = [Float](repeating: 9, count: rows.stride)
          rows.read(position, first: 0, count: rows.stride, into: &values)
          let expected = row(layer, head, position, isValue, width: rows.stride)
          let tolerance: Float = form == .float32 ? 0 : form == .float16 ? 1.0 / 4096 : 1.01 / 254
          if zip(values, expected).contains(where: { abs($0 - $1) > tolerance }) { wrong += 1 }
        }
      }
      return wrong
    }
    // 256 positions at first, then twice as many.
    for target in [3, 256, 257, 600] {
      let first = cache.count
      cache.reserve(target)
      forEachHead(cache) { layer, head, rows, isValue in
        for position in first..<target {
          rows.store(row(layer, head, position, isValue, width: rows.stride), at: position)
        }
      }
      cache.advance(by: Array(first..<target))
    }
    #expect(cache.byteCount == 1024 * KeyValueCache.bytesPerPosition(blocks, form: form))
    #expect(wrongRows(cache, 0..<600) == 0)
    let copy = cache.copy(first: 300, capacity: 301)
    #expect(copy.form == form && copy.count == 300 && wrongRows(copy, 0..<300) == 0)
  }

  @Test("Half the bytes, and a quarter with a scale for each row")
  func sizes() throws {
    let attention = try load("llama", nil).configuration.blocks
    let rows = attention.map { KeyValueCache.Rows($0.attention) }
    let entries = rows.reduce(0) { $0 + $1.heads * ($1.keyDimension + $1.valueDimension) }
    let heads = rows.reduce(0) { $0 + $1.heads }
    #expect(KeyValueCache.bytesPerPosition(attention, form: .float32) == 4 * entries)
    #expect(KeyValueCache.bytesPerPosition(attention, form: .float16) == 2 * entries)
    #expect(KeyValueCache.bytesPerPosition(attention, form: .int8) == entries + 2 * 4 * heads)
  }

  @Test("As bytes, zeros stay zeros, tiny rows keep their shape, and what is not finite stays so")
  func extremes() throws {
    let cache = KeyValueCache(try load("llama", nil).configuration.blocks, capacity: 8, form: .int8)
    cache.reserve(8)
    let rows = cache.block(0).keys(head: 0)
    func kept(_ row: [Float]) -> [Float] {
      rows.store(row, at: 5)
      var values = [Float](repeating: 9, count: rows.stride)
      rows.read(5, first: 0, count: rows.stride, into: &values)
      return values
    }
    let zeros = [Float](repeating: 0, count: rows.stride)
    #expect(kept(zeros) == zeros)
    let tiny = (0..<rows.stride).map { Float($0) * 1e-30 }
    #expect(zip(kept(tiny), tiny).allSatisfy { abs($0 - $1) <= tiny[rows.stride - 1] / 200 })
    let subnormal = (0..<rows.stride).map { _ in Float.leastNonzeroMagnitude }
    #expect(kept(subnormal).allSatisfy { $0.isFinite })
    #expect(kept([.infinity] + zeros.dropFirst()).allSatisfy { !$0.isFinite })
    #expect(kept([.nan] + zeros.dropFirst()).allSatisfy { !$0.isFinite })
  }

  @Test("Models that are not quantized, and exact ones, keep float32 unless told otherwise")
  func choice() throws {
    #expect(try load("llama", nil).cacheForm == .float32)
    #expect(RuntimeOptions().cacheForm(isQuantized: true) == .float16)
    #expect(RuntimeOptions(isExact: true).cacheForm(isQuantized: true) == .float32)
    #expect(RuntimeOptions(isExact: true, cache: .int8).cacheForm(isQuantized: true) == .int8)
  }
}
