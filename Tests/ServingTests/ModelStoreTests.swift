import Foundation
import Generation
import Synchronization
import TestSupport
import Testing

@testable import Serving

@Suite("Model store")
struct ModelStoreTests {
  /// Counts how often each model was loaded.
  private final class Loads: Sendable {
    let counts = Mutex<[String: Int]>([:])

    func source(_ name: String, bytes: Int, fails: Bool = false) -> ModelStore.Source {
      ModelStore.Source(name: name, byteCount: bytes) {
        self.counts.withLock { $0[name, default: 0] += 1 }
        if fails { throw CocoaError(.fileReadCorruptFile) }
        let model = try FixedModel(saying: [1], vocabulary: 256)
        let tokenizer = try ByteTokenizer.make()
        return ServedModel(
          name: name, engine: GenerationEngine(model: model, tokenizer: tokenizer), tokenizer: tokenizer,
          details: ModelDetails())
      }
    }

    subscript(name: String) -> Int { counts.withLock { $0[name] ?? 0 } }
  }

  @Test("Models are loaded once, when asked for, also by many at once; without a name it is the first")
  func loading() async throws {
    let loads = Loads()
    let store = ModelStore([loads.source("a", bytes: 1), loads.source("b", bytes: 1)])
    #expect(await !store.isReady)
    try await withThrowingTaskGroup(of: String.self) { group in
      for index in 0..<8 { group.addTask { try await store.model(index % 2 == 0 ? nil : "b").name } }
      for try await name in group { #expect(["a", "b"].contains(name)) }
    }
    #expect(loads["a"] == 1 && loads["b"] == 1)
    #expect(await store.isReady)
    #expect(await store.listing.map(\.isLoaded) == [true, true])
  }

  @Test("Beyond the memory limit the model that rested longest leaves, and comes back when asked for")
  func memory() async throws {
    let loads = Loads()
    let store = ModelStore(
      [loads.source("a", bytes: 4), loads.source("b", bytes: 4), loads.source("c", bytes: 4)], byteLimit: 9)
    for name in ["a", "b", "a", "c"] { _ = try await store.model(name) }
    #expect(await store.listing.map(\.isLoaded) == [true, false, true])
    _ = try await store.model("b")
    #expect(await store.listing.map(\.isLoaded) == [false, true, true])
    #expect(loads["a"] == 1 && loads["b"] == 2 && loads["c"] == 1)
  }

  @Test("A name nobody knows is 404; a model that cannot be loaded is 503, and tried again later")
  func failures() async throws {
    let loads = Loads()
    let store = ModelStore([loads.source("bad", bytes: 1, fails: true)])
    let unknown = await #expect(throws: APIError.self) { _ = try await store.model("x") }
    #expect(unknown?.code == "model_not_found" && unknown?.message.contains("bad") == true)
    for _ in 0..<2 {
      let failed = await #expect(throws: APIError.self) { _ = try await store.model("bad") }
      #expect(failed?.code == "model_not_loaded" && failed?.retryAfter != nil)
    }
    #expect(loads["bad"] == 2)
  }
}
