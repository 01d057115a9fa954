import Tensors

/// The rows of an Apache Parquet file, as JSON documents.
///
/// Reads what writers of data sets of texts produce: nested groups and lists, pages of both versions, all encodings but the
/// bit-packed levels of the first writers, packed by Snappy, gzip or Zstandard. Dates and times are the integers that they
/// are stored as. Memory stays in proportion to the file, whatever its headers promise.
package struct ParquetFile {
  /// The path as given.
  package let path: String
  private let file: MappedFile
  private let metadata: ParquetMetadata
  private let schema: ParquetSchema

  /// Rows of the file.
  package var rowCount: Int { metadata.rowCount }
  /// The names of the fields of a row.
  package var fieldNames: [String] { schema.fields.map(\.name) }

  /// Opens a file and reads its footer.
  ///
  /// - Throws: `DataFileError`.
  package init(path: String) throws {
    self.path = path
    file = try DataFile.map(path)
    do {
      metadata = try Self.footer(file.bytes)
      schema = try ParquetSchema(metadata.schema)
      try Self.check(metadata, schema, size: file.bytes.count)
    } catch let error as DataFileError { throw error.inFile(path) }
  }

  private static func footer(_ bytes: UnsafeRawBufferPointer) throws -> ParquetMetadata {
    guard bytes.count >= 12, bytes[..<4].elementsEqual("PAR1".utf8) else {
      if bytes.count >= 4, bytes[..<4].elementsEqual("PARE".utf8) {
        throw DataFileError(.unsupported, "it is encrypted, which is not read here")
      }
      throw DataFileError.malformed("it is no Parquet file")
    }
    guard bytes.suffix(4).elementsEqual("PAR1".utf8) else {
      throw DataFileError.malformed("it ends early, or is encrypted")
    }
    let length = HybridReader.bits(bytes, at: 8 * (bytes.count - 8), 32)
    guard length <= bytes.count - 12 else { throw DataFileError.malformed("its footer is longer than the file") }
    let end = bytes.count - 8
    var reader = ThriftReader(UnsafeRawBufferPointer(rebasing: bytes[end - length..<end]))
    return try ParquetMetadata(&reader)
  }

  /// Whether row groups and columns fit together, and into the file.
  private static func check(_ metadata: ParquetMetadata, _ schema: ParquetSchema, size: Int) throws {
    // Equal values take almost no room, but rows of texts do.
    let most = 1 << 16 + 64 * size
    var rows = 0
    var packed = 0
    var values = [Int](repeating: 0, count: schema.columns.count)
    func add(_ count: Int, to sum: inout Int, limit: Int, _ what: String) throws {
      guard (0...limit - sum).contains(count) else { throw DataFileError.malformed("it promises too many \(what)") }
      sum += count
    }
    for group in metadata.groups {
      guard group.columns.count == schema.columns.count else {
        throw DataFileError.malformed("a row group has other columns than the schema")
      }
      try add(group.rowCount, to: &rows, limit: most, "rows")
      for (index, chunk) in group.columns.enumerated() {
        try add(chunk.valueCount, to: &values[index], limit: most, "values")
        try add(chunk.packedSize, to: &packed, limit: size, "bytes")
      }
    }
    guard rows == metadata.rowCount else { throw DataFileError.malformed("its row groups have \(rows) rows in all") }
  }

  /// Reads the rows.
  ///
  /// - Parameter fields: the names of the wanted fields; nil for all.
  /// - Throws: `DataFileError` if a field is not there.
  package func rows(fields: [String]? = nil) throws -> ParquetRows {
    for name in fields ?? [] where !fieldNames.contains(name) {
      throw DataFileError(
        .malformed, "\(path): there is no column \"\(name)\"; it has \(fieldNames.joined(separator: ", "))")
    }
    return ParquetRows(file, metadata, schema, fields: fields)
  }
}
