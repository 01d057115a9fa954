import Checkpoints
import Foundation
import JSONReader
import Synchronization
import TestSupport
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Checkpoint writing (case F06)") struct CheckpointWriterTests {
  private static let declarations: [TensorDeclaration] = [
    ("w.a", .float32, [2, 2]), ("w.b", .float16, [3]), ("w.c", .uint8, [5]),
  ]
  private static let tensors: [Tensor] = [
    Tensor([1, 2, 3, 4], shape: [2, 2]), Tensor([0.5, -1, 65504], shape: [3], dtype: .float16),
    Tensor(bits: [1, 2, 3, 4, 255] as [UInt8], dtype: .uint8, shape: [5]),
  ]

  private func write(to folder: URL, maximumShardBytes: Int) throws {
    let writer = try CheckpointWriter(
      folder: folder.path, declarations: Self.declarations, maximumShardBytes: maximumShardBytes)
    for (declaration, tensor) in zip(Self.declarations, Self.tensors) { try writer.write(declaration.0, tensor) }
    try writer.finish()
  }

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test("one file: the bytes that the format defines, the same each time")
  func bytes() throws {
    try withFolder { folder in
      try write(to: folder, maximumShardBytes: 1000)
      let data = try Data(contentsOf: folder.appendingPathComponent("model.safetensors"))
      let header =
        #"{"__metadata__":{"format":"pt"},"w.a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"#
        + #""w.b":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},"#
        + #""w.c":{"dtype":"U8","shape":[5],"data_offsets":[22,27]}}"#
      let padded = header + String(repeating: " ", count: -header.utf8.count & 7)
      #expect(data.prefix(8).elementsEqual(withUnsafeBytes(of: UInt64(padded.utf8.count).littleEndian) { Array($0) }))
      #expect(data.dropFirst(8).prefix(padded.utf8.count).elementsEqual(padded.utf8))
      #expect(data.suffix(11).elementsEqual([0x00, 0x38, 0x00, 0xBC, 0xFF, 0x7B, 1, 2, 3, 4, 255]))
      try write(to: folder, maximumShardBytes: 1000)
      #expect(try Data(contentsOf: folder.appendingPathComponent("model.safetensors")) == data)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
    }
  }

  @Test("shards are cut before the limit, and the index maps every tensor")
  func shards() throws {
    try withFolder { folder in
      try write(to: folder, maximumShardBytes: 16)
      try JSONFile.write(["model_type": "none"], to: folder.appendingPathComponent("config.json").path)
      let index = try JSONFile.read(folder.appendingPathComponent("model.safetensors.index.json").path)
      #expect(index["metadata"]?["total_size"]?.intValue == 27)
      let map = index["weight_map"]?.objectValue?.map { [$0.key, $0.value.stringValue] }
      #expect(
        map == [
          ["w.a", "model-00001-of-00002.safetensors"], ["w.b", "model-00002-of-00002.safetensors"],
          ["w.c", "model-00002-of-00002.safetensors"],
        ])
      let model = try ModelDirectory(path: folder.path)
      #expect(model.tensorNames == ["w.a", "w.b", "w.c"])
      #expect(try model.tensor(named: "w.a").floats() == [1, 2, 3, 4])
      #expect(try model.tensor(named: "w.b").floats() == [0.5, -1, 65504])
      #expect(try model.tensor(named: "w.c").withUnsafeBytes { Array($0) } == [1, 2, 3, 4, 255])
    }
  }

  @Test("an unfinished checkpoint leaves nothing behind")
  func unfinished() throws {
    try withFolder { folder in
      do {
        let writer = try CheckpointWriter(
          folder: folder.path, declarations: Self.declarations, maximumShardBytes: 16)
        try writer.write("w.a", Self.tensors[0])
        try writer.write("w.b", Self.tensors[1])
        let error = try #require(throws: CheckpointError.self) { try writer.finish() }
        #expect(error.code == .wrongDeclaration)
        #expect(error.message.contains("w.c"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.allSatisfy { $0.hasSuffix(".partial") })
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test("a tensor out of order or of another shape is refused")
  func declarationsBind() throws {
    try withFolder { folder in
      let writer = try CheckpointWriter(folder: folder.path, declarations: Self.declarations)
      for (name, tensor) in [("w.b", Self.tensors[1]), ("w.a", Self.tensors[0].reshaped([4]))] {
        let error = try #require(throws: CheckpointError.self) { try writer.write(name, tensor) }
        #expect(error.code == .wrongDeclaration)
      }
    }
  }

  @Test("what a killed process left under a temporary name is removed by the next writer; a living one's stays")
  func orphans() throws {
    try withFolder { folder in
      let orphan = folder.appendingPathComponent(".model.safetensors.dead.partial")
      try Data([1, 2, 3]).write(to: orphan)
      let living = try SafetensorsWriter(
        path: folder.appendingPathComponent("model.safetensors").path, declarations: [("a", .float32, [1])])
      #expect(!FileManager.default.fileExists(atPath: orphan.path))
      let second = try SafetensorsWriter(
        path: folder.appendingPathComponent("model.safetensors").path, declarations: [("a", .float32, [1])])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
      for writer in [living, second] {
        try writer.append("a", Tensor([1], shape: [1]))
        try writer.finish()
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
    }
  }

  @Test("a file that cannot be written is an error with its path and the bytes needed; the old one stays")
  func fileSizeLimit() async throws {
    await #expect(processExitsWith: .success) {
      // What `ulimit -f 64` does to a command that ignores SIGXFSZ.
      signal(SIGXFSZ, SIG_IGN)
      let folder = try SharedData.temporaryFolder()
      defer { try? FileManager.default.removeItem(at: folder) }
      let path = folder.appendingPathComponent("model.safetensors").path
      try AtomicFile.write([1, 2, 3], to: path)
      var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
      #if canImport(Glibc)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #else
        setrlimit(RLIMIT_FSIZE, &limit)
      #endif
      do {
        let writer = try CheckpointWriter(folder: folder.path, declarations: [("a", .float32, [100_000])])
        try writer.write("a", Tensor([Float](repeating: 1, count: 100_000), shape: [100_000]))
        exit(2)
      } catch let error as CheckpointError {
        let named = error.message.contains(path) && error.message.contains("400104 bytes needed")
        guard error.code == .cannotWrite, named else { exit(3) }
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      let old = try Data(contentsOf: URL(fileURLWithPath: path))
      exit(names == ["model.safetensors"] && old.elementsEqual([1, 2, 3]) ? EXIT_SUCCESS : 4)
    }
  }

  @Test("Writers of one file at the same time all succeed: none takes another's unfinished file for an orphan")
  func manyWriters() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("ref").path
    let failures = Mutex<[String]>([])
    let done = DispatchGroup()
    for writer in UInt8(0)..<16 {
      done.enter()
      Thread {
        for _ in 0..<200 {
          do { try AtomicFile.write([writer], to: path) } catch { failures.withLock { $0.append("\(error)") } }
        }
        done.leave()
      }.start()
    }
    done.wait()
    #expect(failures.withLock { $0 } == [])
    #expect(FileManager.default.contents(atPath: path)?.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["ref"])
  }
}
