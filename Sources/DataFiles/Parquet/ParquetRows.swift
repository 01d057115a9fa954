package import JSONReader
import Tensors

/// Reads the rows of a Parquet file one after the other, putting them together from their columns.
package struct ParquetRows {
  private let file: MappedFile
  private let metadata: ParquetMetadata
  private let schema: ParquetSchema
  private let fields: [(name: String, node: ParquetSchema.Node)]
  private let wantedColumns: Set<Int>

  private var group = 0
  private var rowsLeft = 0
  /// The columns of the row group; nil for those that are not wanted.
  private var columns: [ColumnReader?] = []
  /// Bytes of texts that may still be given out: a text of a dictionary costs nothing to repeat.
  private var textLeft: Int

  init(_ file: MappedFile, _ metadata: ParquetMetadata, _ schema: ParquetSchema, fields names: [String]?) {
    self.file = file
    self.metadata = metadata
    self.schema = schema
    fields = schema.fields.filter { names?.contains($0.name) ?? true }
    wantedColumns = fields.reduce(into: []) { Self.collect($1.node, into: &$0) }
    textLeft = 1 << 24 + 4000 * file.bytes.count
  }

  private static func collect(_ node: ParquetSchema.Node, into columns: inout Set<Int>) {
    switch node {
    case .column(let index): columns.insert(index)
    case .group(let fields): for field in fields { collect(field.node, into: &columns) }
    case .optional(let node, _, _): collect(node, into: &columns)
    case .list(let node, _, _, _): collect(node, into: &columns)
    }
  }

  /// The next row; nil at the end.
  ///
  /// - Throws: `DataFileError` naming the file.
  package mutating func next() throws -> JSONValue? {
    do {
      while rowsLeft == 0 {
        guard try openGroup() else { return nil }
      }
      for index in columns.indices where try columns[index]?.levels()?.repetition ?? 0 > 0 {
        throw DataFileError.malformed("column \(schema.columns[index].path): a row goes on after its end")
      }
      rowsLeft -= 1
      return .object(try fields.map { ($0.name, try value($0.node)) })
    } catch let error as DataFileError { throw error.inFile(file.path) }
  }

  private mutating func openGroup() throws -> Bool {
    for case let column? in columns where column.left > 0 {
      throw DataFileError.malformed("a row group has more values than rows")
    }
    columns = []
    guard group < metadata.groups.count else { return false }
    let now = metadata.groups[group]
    group += 1
    columns = try now.columns.enumerated().map { index, chunk in
      guard wantedColumns.contains(index) else { return nil }
      return try ColumnReader(schema.columns[index], chunk, file: file.bytes)
    }
    rowsLeft = now.rowCount
    return true
  }

  private mutating func value(_ node: ParquetSchema.Node) throws -> JSONValue {
    switch node {
    case .column(let index):
      let value = try columns[index]?.take() ?? .null
      if case .string(let text) = value {
        textLeft -= text.utf8.count
        guard textLeft >= 0 else { throw DataFileError.malformed("its texts are too long for the size of the file") }
      }
      return value
    case .group(let fields): return .object(try fields.map { ($0.name, try value($0.node)) })
    case .optional(let inner, let level, let first):
      guard try levels(first).definition >= level else {
        try skip(inner)
        return .null
      }
      return try value(inner)
    case .list(let inner, let level, let repetition, let first):
      guard try levels(first).definition >= level else {
        try skip(inner)
        return .array([])
      }
      var items: [JSONValue] = []
      repeat { items.append(try value(inner)) } while try columns[first]?.levels()?.repetition ?? 0 >= repetition
      return .array(items)
    }
  }

  private mutating func levels(_ column: Int) throws -> ColumnReader.Levels {
    guard let levels = try columns[column]?.levels() else {
      throw DataFileError.malformed("column \(schema.columns[column].path): it has fewer values than rows")
    }
    return levels
  }

  /// Takes the one entry that each column below a missing node has.
  private mutating func skip(_ node: ParquetSchema.Node) throws {
    switch node {
    case .column(let index): _ = try columns[index]?.take()
    case .group(let fields): for field in fields { try skip(field.node) }
    case .optional(let inner, _, _): try skip(inner)
    case .list(let inner, _, _, _): try skip(inner)
    }
  }
}
