import Checkpoints
import Foundation
import TestSupport
import Tensors
import Testing

@Suite("Safetensors reading (cases F01, F02, F04)") struct SafetensorsFileTests {
  @Test(
    "files that the reference library loads",
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: [
      ("ok", ["a": [2]]), ("ok_header_space_padded", ["a": [2]]), ("ok_zero_element", ["a": [0, 4]]),
      ("ok_scalar", ["a": []]), ("ok_metadata", ["a": [2]]), ("ok_unordered_header", ["a": [2], "b": [1]]),
      ("header_leading_space", ["a": [2]]),
    ] as [(String, [String: Shape])])
  func accepted(name: String, shapes: [String: Shape]) throws {
    let path = try SharedData.url("cases/fixtures/st/\(name).safetensors").path
    let file = try SafetensorsFile(path: path)
    #expect(Set(file.tensorNames) == Set(shapes.keys))
    for (tensor, shape) in shapes {
      let read = try file.tensor(named: tensor)
      #expect(read.shape == shape)
      #expect(try read.floats() == [Float](repeating: 0, count: shape.elementCount))
    }
    #expect(file.metadata == (name == "ok_metadata" ? ["format": "pt"] : [:]))
  }

  @Test(
    "files that safetensors 0.8.0 refuses are refused with their name and the reason",
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: [
      ("empty_file", "0 bytes"), ("seven_bytes", "7 bytes"), ("len_u64max", "18446744073709551615 bytes"),
      ("len_u64max_minus7", "18446744073709551608 bytes"), ("len_100MB_plus1", "100000001 bytes"),
      ("len_gt_file", "4938 bytes are missing"), ("len_zero", "not valid JSON"), ("header_not_json", "not valid JSON"),
      ("header_is_array", "not a JSON object"), ("header_bad_utf8", "not valid JSON"),
      ("truncated_data", "3 bytes are missing"), ("begin_gt_end", "data_offsets"), ("size_mismatch", "4000000 bytes"),
      ("shape_overflow", "too large"), ("shape_overflow_wraps_to_2", "shape"), ("shape_negative", "shape"),
      ("shape_float", "shape"), ("offset_u64max", "data_offsets"), ("offsets_three", "data_offsets"),
      ("unknown_dtype", "F33"), ("missing_offsets", "data_offsets"), ("metadata_not_string", "__metadata__"),
    ])
  func refused(name: String, reason: String) throws {
    let path = try SharedData.url("cases/fixtures/st/\(name).safetensors").path
    let error = try #require(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    #expect(error.code == .malformedFile)
    #expect(error.message.contains(path))
    #expect(error.message.contains(reason), "\(error.message)")
  }

  @Test("a header of 100,000 opening and closing brackets is refused")
  func deepNesting() throws {
    let brackets = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(try refusal(header: brackets).contains("nesting"))
  }

  @Test(
    "holes, overlaps, bytes behind the data and repeated names are refused, as the format demands",
    arguments: [
      (#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3, "does not start"),
      (
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
        3, "does not start"
      ),
      (#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, 3, "1 bytes behind"),
      (
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
        2, "repeated"
      ),
    ])
  func layout(header: String, dataBytes: Int, reason: String) throws {
    #expect(try refusal(header: header, dataBytes: dataBytes).contains(reason))
  }

  @Test("a file cut after it was opened is an error, not a crash (F04)")
  func cutWhileOpen() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("a.safetensors").path
    let writer = try SafetensorsWriter(path: path, declarations: [("a", .float32, [4096])])
    try writer.append("a", Tensor([Float](repeating: 1, count: 4096), shape: [4096]))
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.truncate(atOffset: UInt64(file.fileBytes - 4096))
    try handle.close()
    let error = try #require(throws: CheckpointError.self) { try file.tensor(named: "a") }
    #expect(error.message.contains("lost 4096 bytes"))
  }

  private func refusal(header: String, dataBytes: Int = 0) throws -> String {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("bad.safetensors").path
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try AtomicFile.write(length + Array(header.utf8) + [UInt8](repeating: 0, count: dataBytes), to: path)
    let error = try #require(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    return error.message
  }
}
