import Checkpoints
import Foundation
import TestSupport
import Tensors
import Testing

@Suite("GGUF models in several files") struct GGUFSplitTests {
  /// Part `index` of three: one tensor `t<index>` of two elements, both `index`.
  private func part(_ index: Int, of count: UInt32 = 3, number: UInt32? = nil) -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.metadata = [("split.no", .uint32(number ?? UInt32(index))), ("split.count", .uint32(count))]
    if index == 0 { builder.metadata += [("general.name", .string("whole")), ("split.tensors.count", .uint32(3))] }
    builder.add("t\(index)", [2], [Float](repeating: Float(index), count: 2))
    return builder
  }

  /// Writes the parts, hands the paths to `body`.
  private func withParts<Result>(_ parts: [GGUFBuilder?], _ body: ([String]) throws -> Result) throws -> Result {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let paths = parts.indices.map { folder.appendingPathComponent("m-0000\($0 + 1)-of-00003.gguf").path }
    for (part, path) in zip(parts, paths) { if let part { try AtomicFile.write(part.bytes, to: path) } }
    return try body(paths)
  }

  @Test("the first file stands for all")
  func whole() throws {
    try withParts([part(0), part(1), part(2)]) { paths in
      let file = try GGUFFile(path: paths[0])
      #expect(file.metadata["general.name"]?.stringValue == "whole")
      #expect(file.tensors.map(\.name) == ["t0", "t1", "t2"])
      for index in 0..<3 {
        let values = try file.tensor(named: "t\(index)").floats()
        #expect(values == [Float(index), Float(index)])
      }
    }
  }

  @Test("a missing part is named, as is the first one where another is given")
  func missing() throws {
    try withParts([part(0), nil, part(2)]) { paths in
      let error = try #require(throws: CheckpointError.self) { try GGUFFile(path: paths[0]) }
      #expect(error.code == .missingFile)
      #expect(error.message.contains("m-00002-of-00003.gguf"))
      let other = try #require(throws: CheckpointError.self) { try GGUFFile(path: paths[2]) }
      #expect(other.code == .unsupported)
      #expect(other.message.contains("m-00001-of-00003.gguf"))
    }
  }

  @Test("parts that contradict each other are refused")
  func contradictions() throws {
    func refusal(_ parts: [GGUFBuilder]) throws -> CheckpointError {
      try withParts(parts) { paths in try #require(throws: CheckpointError.self) { try GGUFFile(path: paths[0]) } }
    }
    let misplaced = try refusal([part(0), part(2), part(1)])
    #expect(misplaced.message.contains("part 2 of 3"))
    var twice = part(1)
    twice.tensors[0].name = "t0"
    #expect(try refusal([part(0), twice, part(2)]).message.contains("\"t0\" twice"))
    var few = part(0)
    few.metadata[3].value = .uint32(7)
    #expect(try refusal([few, part(1), part(2)]).message.contains("3 tensors, not the 7"))
    #expect(try refusal([part(0, of: 4), part(1), part(2)]).message.contains("-00001-of-00004.gguf"))
    #expect(try refusal([part(0, number: 9), part(1), part(2)]).code == .malformedFile)
    #expect(try refusal([part(0, of: .max), part(1), part(2)]).code == .malformedFile)
  }
}
