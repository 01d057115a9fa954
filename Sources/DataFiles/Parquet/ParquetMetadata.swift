/// The footer of a Parquet file, as far as it is needed to read rows (`parquet.thrift` of apache/parquet-format).
struct ParquetMetadata {
  private(set) var schema: [SchemaElement] = []
  private(set) var rowCount = 0
  private(set) var groups: [RowGroup] = []

  /// A column or a group of columns.
  struct SchemaElement {
    var type: PhysicalType?
    var repetition = Repetition.required
    var name = ""
    var children = 0
    /// `converted_type`, nil where there is none.
    var convertedType: Int?
    /// The field number in the union `logicalType`, nil where there is none.
    var logicalType: Int?
  }

  enum PhysicalType: Int {
    case boolean, int32, int64, int96, float, double, bytes, fixedBytes
  }

  enum Repetition: Int { case required, optional, repeated }

  /// Some rows of all columns.
  struct RowGroup {
    var columns: [ColumnChunk] = []
    var rowCount = 0
  }

  /// Where a column of some rows is.
  struct ColumnChunk {
    var isInOtherFile = false
    var codec = 0
    var valueCount = 0
    var packedSize = 0
    var dataOffset = 0
    var dictionaryOffset = 0
  }

  /// Reads `FileMetaData`.
  init(_ reader: inout ThriftReader) throws {
    var (schema, rowCount, groups) = (self.schema, 0, self.groups)
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (2, .list): schema = try reader.list { try Self.schemaElement(&$0) }
      case (3, .int64): rowCount = try reader.integer()
      case (4, .list): groups = try reader.list { try Self.rowGroup(&$0) }
      default: return false
      }
      return true
    }
    self.schema = schema
    self.rowCount = rowCount
    self.groups = groups
  }

  private static func schemaElement(_ reader: inout ThriftReader) throws -> SchemaElement {
    var element = SchemaElement()
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .int32):
        element.type = PhysicalType(rawValue: try reader.integer())
        guard element.type != nil else { throw DataFileError.malformed("a column has an unknown type") }
      case (3, .int32):
        guard let repetition = Repetition(rawValue: try reader.integer()) else {
          throw DataFileError.malformed("a column has an unknown repetition")
        }
        element.repetition = repetition
      case (4, .binary): element.name = try reader.text()
      case (5, .int32): element.children = try reader.integer()
      case (6, .int32): element.convertedType = try reader.integer()
      case (10, .structure):
        try reader.structure { _, field, _ in
          element.logicalType = field
          return false
        }
      default: return false
      }
      return true
    }
    return element
  }

  private static func rowGroup(_ reader: inout ThriftReader) throws -> RowGroup {
    var group = RowGroup()
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .list): group.columns = try reader.list { try columnChunk(&$0) }
      case (3, .int64): group.rowCount = try reader.integer()
      default: return false
      }
      return true
    }
    return group
  }

  private static func columnChunk(_ reader: inout ThriftReader) throws -> ColumnChunk {
    var chunk = ColumnChunk()
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .binary): chunk.isInOtherFile = try !reader.text().isEmpty
      case (3, .structure):
        try reader.structure { reader, field, kind in
          switch (field, kind) {
          case (4, .int32): chunk.codec = try reader.integer()
          case (5, .int64): chunk.valueCount = try reader.integer()
          case (7, .int64): chunk.packedSize = try reader.integer()
          case (9, .int64): chunk.dataOffset = try reader.integer()
          case (11, .int64): chunk.dictionaryOffset = try reader.integer()
          default: return false
          }
          return true
        }
      default: return false
      }
      return true
    }
    return chunk
  }
}
