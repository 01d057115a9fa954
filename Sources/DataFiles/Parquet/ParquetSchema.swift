/// The tree of columns, with the levels that tell at which depth a value is missing or repeats (Dremel, VLDB 2010).
struct ParquetSchema {
  /// A column, or a group of columns.
  indirect enum Node {
    case column(Int)
    /// Fields by their names.
    case group([(name: String, node: Node)])
    /// What may be missing: null where the entry of its first column is below this definition level.
    case optional(Node, level: Int, first: Int)
    /// A list: empty below the definition level, going on where an entry has the repetition level.
    case list(Node, level: Int, repetition: Int, first: Int)
  }

  /// A column as it is stored.
  struct Column {
    /// The names on the way to it, joined by dots.
    let path: String
    let element: ParquetMetadata.SchemaElement
    let definitionLevel: Int
    let repetitionLevel: Int
  }

  /// The fields of a row.
  private(set) var fields: [(name: String, node: Node)] = []
  private(set) var columns: [Column] = []

  private static let deepest = 32

  init(_ elements: [ParquetMetadata.SchemaElement]) throws {
    guard let root = elements.first, (0..<elements.count).contains(root.children) else {
      throw DataFileError.malformed("its schema has no root")
    }
    var position = 1
    for _ in 0..<root.children {
      let name = position < elements.count ? elements[position].name : ""
      fields.append((name, try node(elements, &position, path: "", definition: 0, repetition: 0, depth: 0)))
    }
    guard position == elements.count else { throw DataFileError.malformed("its schema has loose ends") }
  }

  /// Reads the element at `position` and what is below it.
  private mutating func node(
    _ elements: [ParquetMetadata.SchemaElement], _ position: inout Int, path: String, definition: Int, repetition: Int,
    depth: Int
  ) throws -> Node {
    guard position < elements.count, depth < Self.deepest else {
      throw DataFileError.malformed("its schema ends early or is too deep")
    }
    let element = elements[position]
    let first = columns.count
    position += 1
    let path = path.isEmpty ? element.name : "\(path).\(element.name)"
    let definition = definition + (element.repetition == .required ? 0 : 1)
    let repetition = repetition + (element.repetition == .repeated ? 1 : 0)
    var content: Node
    if element.type == nil {
      content = try group(elements, &position, element, path, definition, repetition, depth)
    } else {
      guard element.children == 0 else { throw DataFileError.malformed("the column \(path) has columns") }
      content = .column(columns.count)
      columns.append(
        Column(path: path, element: element, definitionLevel: definition, repetitionLevel: repetition))
    }
    switch element.repetition {
    case .required: break
    case .optional: content = .optional(content, level: definition, first: first)
    case .repeated: content = .list(content, level: definition, repetition: repetition, first: first)
    }
    return content
  }

  private mutating func group(
    _ elements: [ParquetMetadata.SchemaElement], _ position: inout Int, _ element: ParquetMetadata.SchemaElement,
    _ path: String, _ definition: Int, _ repetition: Int, _ depth: Int
  ) throws -> Node {
    guard (1..<elements.count).contains(element.children) else {
      throw DataFileError.malformed("the group \(path) has no columns")
    }
    var fields: [(name: String, node: Node)] = []
    for _ in 0..<element.children {
      let name = position < elements.count ? elements[position].name : ""
      let inner = try node(
        elements, &position, path: path, definition: definition, repetition: repetition, depth: depth + 1)
      fields.append((name, inner))
    }
    // A list is a group around a repeated field (LogicalTypes.md, with its rules for older writers).
    let isList = element.convertedType == 3 || element.logicalType == 3
    if isList, fields.count == 1, case .list(let item, let level, let repetition, let first) = fields[0].node {
      if case .group(let parts) = item, parts.count == 1, fields[0].name != "array",
        fields[0].name != element.name + "_tuple"
      {
        return .list(parts[0].node, level: level, repetition: repetition, first: first)
      }
      return fields[0].node
    }
    return .group(fields)
  }
}
