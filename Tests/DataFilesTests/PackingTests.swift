import Foundation
import JSONReader
import TestSupport
import Testing

@testable import DataFiles

@Suite("Packed files")
struct PackingTests {
  static let packed = ["1.gz", "9.gz", "1.zst", "3.zst", "19.zst", "fast=5.zst"]

  static func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
    try bytes.withUnsafeBytes { buffer in
      var source = DataFile.unpacking(buffer)
      var all: [UInt8] = []
      while let piece = try source.next() {
        // A block of Zstandard or a window of gzip, no more.
        #expect(piece.count <= 1 << 17)
        all += piece
      }
      return all
    }
  }

  @Test("What gzip and zstd packed is unpacked to the same bytes", arguments: packed)
  func same(ending: String) throws {
    for name in ["lines.jsonl", "runs.bin"] {
      #expect(try Self.unpacked(Recorded.bytes("\(name).\(ending)")) == Recorded.bytes(name))
    }
  }

  @Test("Stored blocks, fixed codes, several members, zeros behind the last")
  func kinds() throws {
    #expect(try Self.unpacked(Recorded.bytes("runs.bin.stored.gz")) == Recorded.bytes("runs.bin"))
    let two = try Recorded.bytes("lines.jsonl.two.gz")
    #expect(try Self.unpacked(two) == Recorded.bytes("lines.jsonl"))
    #expect(try Self.unpacked(two + [UInt8](repeating: 0, count: 512)) == Recorded.bytes("lines.jsonl"))
    let frame = try Recorded.bytes("runs.bin.3.zst")
    // Frames one after the other, and one that is to be skipped (RFC 8878, section 3.1.2).
    let skipped: [UInt8] = [0x52, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]
    #expect(try Self.unpacked(skipped + frame + frame) == Recorded.bytes("runs.bin") + Recorded.bytes("runs.bin"))
  }

  @Test("Files that end early and bytes that changed are errors, or the bytes stay right", arguments: packed)
  func damaged(ending: String) throws {
    let whole = try Recorded.bytes("runs.bin.\(ending)")
    let content = try Recorded.bytes("runs.bin")
    for end in stride(from: 0, to: whole.count, by: 37) where end != 0 {
      if end > 4 { #expect(throws: DataFileError.self) { try Self.unpacked(Array(whole[..<end])) } }
    }
    var random = Damage(seed: 3)
    for _ in 0..<Damage.rounds {
      var bytes = whole
      bytes[4 + random.next(bytes.count - 4)] ^= UInt8(1 + random.next(255))
      do {
        let result = try Self.unpacked(bytes)
        // Time and system of gzip's header are under no checksum, nor is what zstd's header reserves.
        #expect(result == content)
      } catch { #expect(error is DataFileError, "\(error)") }
    }
  }

  @Test(
    "Files of zstd -19, among them one of several blocks, give the bytes of the program zstd",
    .enabled(if: SharedData.isAvailable && SharedData.hasZstd, "\(SharedData.skipMessage), and zstd"),
    arguments: ["mmlu_dev.jsonl", "wiki.valid.raw", "arc_easy_validation.jsonl"])
  func reference(name: String) throws {
    let path = "data/eval/\(name).zst"
    let bytes = try DataFile(path: try SharedData.url(path).path).bytes()
    #expect(try bytes == [UInt8](SharedData.unpacked(path)))
  }

  @Test("XXH64 and CRC-32 of known texts")
  func checksums() {
    // xxhsum -H64 of xxHash 0.8.1; the check value of CRC-32/ISO-HDLC is of "123456789".
    var hash = XXHash64()
    #expect(hash.value == 0xEF46_DB37_51D8_E999)
    hash.update(Array("abc".utf8))
    #expect(hash.value == 0x44BC_2CF5_AD77_0999)
    var checksum = CRC32()
    checksum.update(Array("123456789".utf8))
    #expect(checksum.value == 0xCBF4_3926)
  }

  @Test("Lines are read without their packing; the place of a bad one is named")
  func lines() throws {
    let expected = try Recorded.bytes("lines.jsonl").split(separator: UInt8(ascii: "\n")).map {
      try JSONValue.parse(Array($0))
    }
    for ending in ["", ".1.gz", ".two.gz", ".19.zst"] {
      // The name counts without its packing.
      let link =
        FileManager.default.temporaryDirectory.path + "/\(UUID()).jsonl" + (ending.hasSuffix("gz") ? ".gz" : "")
      try FileManager.default.copyItem(atPath: Recorded.folder + "/lines.jsonl" + ending, toPath: link)
      defer { try? FileManager.default.removeItem(atPath: link) }
      #expect(try DataFile(path: link).documents() == expected)
      #expect(try DataFile(path: link).documents(limit: 7) == Array(expected[..<7]))
    }
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID()).jsonl"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("{}\n\n{\"a\": 1}\n{\"a\"\n".utf8).write(to: URL(fileURLWithPath: path))
    #expect { try DataFile(path: path).documents() } throws: {
      ($0 as? DataFileError)?.code == .malformed && "\($0)".contains("line 4")
    }
    #expect(try DataFile(path: path).documents(limit: 2).count == 2)
    #expect { try DataFile(path: path + "x").documents() } throws: { ($0 as? DataFileError)?.code == .missingFile }
  }
}
