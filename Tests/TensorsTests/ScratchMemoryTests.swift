import Testing

@testable import Tensors

@Suite("Scratch memory")
struct ScratchMemoryTests {
  private static let large = 1 << 20
  private let scratch = ScratchMemory()

  private func address(_ byteCount: Int) -> UnsafeMutableRawPointer {
    scratch.with(byteCount: byteCount) { memory in
      #expect(UInt(bitPattern: memory) % 64 == 0)
      memory.initializeMemory(as: UInt8.self, repeating: 1, count: byteCount)
      return memory
    }
  }

  @Test("Buffers are kept within a pass, not beyond it, and no more than were in use at once")
  func keeping() {
    scratch.keeping {
      let first = address(Self.large)
      #expect(address(Self.large) == first && address(Self.large / 2) == first)
      #expect(scratch.keptBytes >= Self.large)
      // Too small for what comes, too large for it.
      _ = address(2 * Self.large)
      #expect(scratch.keptBytes == 2 * Self.large)
      scratch.keeping { _ = address(Self.large / 4) }
      #expect(scratch.keptBytes >= Self.large / 4)
      scratch.with(byteCount: Self.large) { outer in
        scratch.with(byteCount: Self.large) { #expect(outer != $0) }
      }
    }
    #expect(scratch.keptBytes == 0)
    _ = address(Self.large)
    #expect(scratch.keptBytes == 0)
  }

  @Test("Small buffers lie one on top of the other, in any depth; threads have their own")
  func small() {
    /// Fills a buffer, goes deeper, and finds it as it was.
    func nest(_ depth: Int, _ mark: UInt8) {
      let count = 1 + depth * 7919 % 60_000
      scratch.with(byteCount: count) { memory in
        #expect(UInt(bitPattern: memory) % 64 == 0)
        let bytes = memory.initializeMemory(as: UInt8.self, repeating: mark &+ UInt8(depth), count: count)
        if depth > 0 { nest(depth - 1, mark) }
        #expect((0..<count).allSatisfy { bytes[$0] == mark &+ UInt8(depth) })
      }
    }
    parallelFor(16) { nest(40, UInt8($0)) }
    // What was taken is free again, after an error too.
    let first = address(64)
    #expect(address(1000) == first)
    struct Failure: Error {}
    #expect(throws: Failure.self) { try scratch.with(byteCount: 100) { _ in throw Failure() } }
    #expect(address(64) == first)
    scratch.with(byteCount: 0) { outer in scratch.with(byteCount: 64) { #expect($0 == outer) } }
  }

  @Test("An error gives everything back")
  func errors() {
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      try scratch.keeping {
        try scratch.with(byteCount: Self.large) { _ in throw Failure() }
      }
    }
    #expect(scratch.keptBytes == 0)
  }
}
