import Checkpoints
import Foundation
import TestSupport
import Tensors
import Testing

@Suite("GGUF reading (case F07)") struct GGUFFileTests {
  /// One metadata value and one F32 tensor of shape [2, 3].
  private static var sound: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.metadata = [
      ("a.integer", .uint32(7)), ("a.number", .float32(1e-5)), ("a.flag", .bool(true)), ("a.text", .string("é")),
      ("a.texts", .strings(["x", "", "yz"])), ("a.integers", .int32s([-1, 5])),
    ]
    builder.add("t", [3, 2], [1, 2, 3, 4, 5, 6])
    return builder
  }

  @Test("every field of a sound file, versions 2 and 3", arguments: [2, 3] as [UInt32])
  func sound(version: UInt32) throws {
    var builder = Self.sound
    builder.version = version
    try builder.withFile { file in
      #expect(file.metadata["a.integer"]?.intValue == 7)
      #expect(file.metadata["a.number"]?.doubleValue == 1e-5)
      #expect(file.metadata["a.flag"]?.boolValue == true)
      #expect(file.metadata["a.text"]?.stringValue == "é")
      #expect(file.metadata["a.texts"]?.arrayValue?.strings == ["x", "", "yz"])
      #expect(file.metadata["a.integers"]?.arrayValue?.integers == [-1, 5])
      #expect(file.metadata["a.integers"]?.arrayValue?.strings == nil)
      #expect(file.description(of: "t")?.shape == [2, 3])
      let values = try file.tensor(named: "t").floats()
      #expect(values == [1, 2, 3, 4, 5, 6])
    }
  }

  @Test("bits per weight are those of the matrices of the blocks")
  func storedBits() throws {
    var builder = Self.sound
    try builder.withFile { file in
      #expect(file.blockBitsPerWeight == nil)
      #expect(file.fileBytes == FileManager.default.contents(atPath: file.path)?.count)
    }
    builder.add("blk.0.attn_q.weight", [4, 2], [Float](repeating: 1, count: 8))
    builder.add("blk.0.attn_norm.weight", [4], [1, 1, 1, 1])
    try builder.withFile { file in #expect(file.blockBitsPerWeight == 32) }
  }

  @Test(
    "header values that overflow or lead past the end are refused",
    arguments: [
      ("dimension count 0xFFFFFFFF", "4294967295 dimensions"), ("dimension 0", "is 0"),
      ("dimensions [2^63, 2]", "is 9223372036854775808"), ("dimensions [2^62, 2]", "too large"),
      ("dimensions [2^60, 1]", "past its end"), ("tensor offset past the end", "past its end"),
      ("tensor offset 2^64-32", "the offset"), ("tensor offset not aligned", "multiple of 32"),
      ("text length 2^63", "9223372036854775808"), ("text length past the end", "takes 1000000 bytes"),
      ("key of length 0", "key is empty"), ("tensor name of length 0", "name is empty"),
      ("tensor count 2^40", "do not fit"), ("metadata count 2^40", "do not fit"), ("list count 2^40", "does not fit"),
      ("unknown tensor type", "unknown type 99"), ("unknown value type", "unknown type 77"),
      ("alignment 0", "power of two"), ("alignment 48", "power of two"), ("repeated key", "repeated"),
      ("Q4_0 row of 3", "whole Q4_0 blocks"), ("cut data", "past its end"),
    ])
  func refused(what: String, reason: String) throws {
    let error = try #require(throws: CheckpointError.self) { try damaged(what).withFile { _ in } }
    #expect(error.code == .malformedFile)
    #expect(error.message.contains(reason), "\(error.message)")
  }

  @Test("every prefix of a sound file is refused, none traps")
  func prefixes() throws {
    let bytes = Self.sound.bytes
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("cut.gguf").path
    for length in 0..<bytes.count {
      try AtomicFile.write(Array(bytes[..<length]), to: path)
      let error = try #require(throws: CheckpointError.self) { try GGUFFile(path: path) }
      #expect(error.code == .malformedFile)
    }
  }

  @Test(
    "a version that is not read is named, as is the other byte order",
    arguments: [(1, "version 1"), (4, "version 4"), (0x0300_0000, "big-endian")] as [(UInt32, String)])
  func unsupportedVersion(version: UInt32, name: String) throws {
    var builder = Self.sound
    builder.version = version
    let error = try #require(throws: CheckpointError.self) { try builder.withFile { _ in } }
    #expect(error.code == .unsupported)
    #expect(error.message.contains(name))
  }

  @Test(
    "types that ggml gave up are refused by their name (ggml.h, enum ggml_type)",
    arguments: [
      (4, "Q4_2"), (5, "Q4_3"), (31, "Q4_0_4_4"), (32, "Q4_0_4_8"), (33, "Q4_0_8_8"), (36, "IQ4_NL_4_4"),
      (37, "IQ4_NL_4_8"), (38, "IQ4_NL_8_8"),
    ] as [(UInt32, String)])
  func retired(type: UInt32, name: String) throws {
    var builder = Self.sound
    builder.tensors[0].type = type
    let error = try #require(throws: CheckpointError.self) { try builder.withFile { _ in } }
    #expect(error.code == .unsupported)
    #expect(error.message.contains("\"t\" has the type \(name),"))
  }

  private func damaged(_ what: String) -> GGUFBuilder {
    var builder = Self.sound
    switch what {
    case "dimension count 0xFFFFFFFF": builder.tensors[0].rank = .max
    case "dimension 0": builder.tensors[0].dimensions = [3, 0]
    case "dimensions [2^63, 2]": builder.tensors[0].dimensions = [1 << 63, 2]
    case "dimensions [2^62, 2]": builder.tensors[0].dimensions = [1 << 62, 2]
    case "dimensions [2^60, 1]": builder.tensors[0].dimensions = [1 << 60, 1]
    case "tensor offset past the end": builder.tensors[0].offset = 1 << 40
    case "tensor offset 2^64-32": builder.tensors[0].offset = .max - 31
    case "tensor offset not aligned": builder.tensors[0].offset = 1
    case "text length 2^63": builder.metadata[3].value = .raw(8, GGUFBuilder.bytes(UInt64(1) << 63))
    case "text length past the end": builder.metadata[3].value = .raw(8, GGUFBuilder.bytes(UInt64(1_000_000)))
    case "key of length 0": builder.metadata[0].key = ""
    case "tensor name of length 0": builder.tensors[0].name = ""
    case "tensor count 2^40": builder.tensorCount = 1 << 40
    case "metadata count 2^40": builder.metadataCount = 1 << 40
    case "list count 2^40":
      builder.metadata[4].value = .raw(9, GGUFBuilder.bytes(UInt32(8)) + GGUFBuilder.bytes(UInt64(1) << 40))
    case "unknown tensor type": builder.tensors[0].type = 99
    case "unknown value type": builder.metadata[0].value = .raw(77, [0])
    case "alignment 0": builder.metadata.append(("general.alignment", .uint32(0)))
    case "alignment 48": builder.metadata.append(("general.alignment", .uint32(48)))
    case "repeated key": builder.metadata[1].key = "a.integer"
    case "Q4_0 row of 3": builder.tensors[0].type = 2
    case "cut data": builder.data.removeLast()
    default: Issue.record("no damage named \(what)")
    }
    return builder
  }
}
