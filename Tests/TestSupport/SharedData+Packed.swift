public import Foundation

extension SharedData {
  /// Whether the tool that unpacks the larger files is installed.
  public static let hasZstd = (try? run(["zstd", "--version"]))?.isEmpty == false

  /// The bytes of a file packed with zstd.
  public static func unpacked(_ path: String) throws -> Data { try run(["zstd", "-dc", "--long=27", url(path).path]) }

  /// The text of a file, unpacked where it is packed.
  public static func text(_ path: String) throws -> String {
    String(decoding: try path.hasSuffix(".zst") ? unpacked(path) : Data(contentsOf: url(path)), as: UTF8.self)
  }

  private static func run(_ command: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileReadUnknown) }
    return data
  }
}
