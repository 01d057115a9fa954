import Foundation
package import JSONReader
import Tensors

/// A file of data in one of the forms in which data sets are published: documents of JSON, one to a line, or Parquet; texts.
/// Lines and texts may be packed by gzip or Zstandard.
package struct DataFile {
  /// What a name tells of the content.
  package enum Form: Sendable {
    case lines
    case parquet
    case text
  }

  /// The path as given.
  package let path: String
  /// What it holds, by its name.
  package let form: Form

  /// The ends of names of files whose rows are read here.
  package static let rowEndings =
    ["jsonl", "json"].flatMap { form in ["", ".gz", ".zst"].map { form + $0 } } + ["parquet"]

  /// A file that is opened when it is read.
  package init(path: String) {
    self.path = path
    var name = path.lowercased()
    for ending in [".gz", ".zst"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
    form = name.hasSuffix(".parquet") ? .parquet : name.hasSuffix(".jsonl") || name.hasSuffix(".json") ? .lines : .text
  }

  /// Gives documents to `body`, with their place for messages, until it returns false.
  ///
  /// - Parameter fields: what is wanted of rows of columns; other forms give whole documents.
  /// - Throws: `DataFileError` naming the file, and the line; what `body` throws.
  package func forEach(fields: [String]? = nil, _ body: (JSONValue, String) throws -> Bool) throws {
    var number = 0
    if form == .parquet {
      var rows = try ParquetFile(path: path).rows(fields: fields)
      while let row = try rows.next() {
        number += 1
        guard try body(row, "\(path), row \(number)") else { return }
      }
      return
    }
    try forEachLine { line, place in
      if line.allSatisfy({ $0 <= 0x20 }) { return true }
      let document: JSONValue
      do { document = try JSONValue.parse(Array(line)) } catch {
        throw DataFileError(.malformed, "\(place): \(error)")
      }
      return try body(document, place)
    }
  }

  /// Documents, at most `limit`.
  package func documents(fields: [String]? = nil, limit: Int = .max) throws -> [JSONValue] {
    var documents: [JSONValue] = []
    guard limit > 0 else { return [] }
    try forEach(fields: fields) { document, _ in
      documents.append(document)
      return documents.count < limit
    }
    return documents
  }

  /// All bytes of a text, unpacked.
  package func bytes() throws -> [UInt8] {
    let file = try Self.map(path)
    defer { withExtendedLifetime(file) {} }
    var source = Self.unpacking(file.bytes)
    var bytes: [UInt8] = []
    do {
      while let piece = try source.next() { bytes += piece }
    } catch let error as DataFileError { throw error.inFile(path) }
    return bytes
  }

  /// The longest line that is taken into memory.
  private static let longestLine = 1 << 28

  private func forEachLine(_ body: (ArraySlice<UInt8>, String) throws -> Bool) throws {
    let file = try Self.map(path)
    defer { withExtendedLifetime(file) {} }
    var source = Self.unpacking(file.bytes)
    var rest: [UInt8] = []
    var number = 0
    while true {
      let piece: [UInt8]?
      do { piece = try source.next() } catch let error as DataFileError { throw error.inFile(path) }
      guard let piece else { break }
      var start = 0
      while let end = piece[start...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        var line = piece[start..<end]
        if !rest.isEmpty {
          line = (rest + line)[...]
          rest = []
        }
        guard try body(line, "\(path), line \(number)") else { return }
        start = end + 1
      }
      rest += piece[start...]
      guard rest.count <= Self.longestLine else {
        throw DataFileError(.unsupported, "\(path), line \(number + 1) is longer than \(Self.longestLine) bytes")
      }
    }
    if !rest.isEmpty { _ = try body(rest[...], "\(path), line \(number + 1)") }
  }

  /// The bytes unpacked, if they begin as packed ones do.
  static func unpacking(_ bytes: UnsafeRawBufferPointer) -> any ByteSource {
    if Gzip.isPacked(bytes) { return Gzip(bytes) }
    if Zstandard.isPacked(bytes) { return Zstandard(bytes) }
    return PlainBytes(bytes)
  }

  static func map(_ path: String) throws -> MappedFile {
    do { return try MappedFile(path: path) } catch let error as TensorError {
      throw DataFileError(.missingFile, error.message)
    }
  }
}
