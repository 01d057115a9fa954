import JSONReader

/// Reads a column of a row group, entry by entry.
struct ColumnReader {
  /// Where in the nesting an entry stands.
  struct Levels {
    let definition: Int
    let repetition: Int
  }

  private let column: ParquetSchema.Column
  private let form: ValueForm
  private let codec: Int
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  /// Entries of the chunk, and of the page, that are left.
  private(set) var left: Int
  private var pageLeft = 0
  private var current: Levels?

  private var dictionary: [JSONValue]?
  private var page: PageBytes?
  private var definitions: HybridReader?
  private var repetitions: HybridReader?
  private var values: ValueReader?

  /// - Parameter file: all bytes of the file.
  init(_ column: ParquetSchema.Column, _ chunk: ParquetMetadata.ColumnChunk, file: UnsafeRawBufferPointer) throws {
    self.column = column
    form = try ValueForm(column)
    codec = chunk.codec
    left = chunk.valueCount
    guard !chunk.isInOtherFile else {
      throw DataFileError(.unsupported, "the column \(column.path) is in another file, which is not read here")
    }
    guard chunk.valueCount > 0 else {
      // Of no rows, some writers tell no place either.
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let hasDictionary = chunk.dictionaryOffset > 0 && chunk.dictionaryOffset < chunk.dataOffset
    let start = hasDictionary ? chunk.dictionaryOffset : chunk.dataOffset
    guard start >= 4, chunk.packedSize >= 0, start <= file.count, chunk.packedSize <= file.count - start else {
      throw DataFileError.malformed("the column \(column.path) reaches beyond the end")
    }
    bytes = UnsafeRawBufferPointer(rebasing: file[start..<start + chunk.packedSize])
  }

  /// The levels of the entry that comes next; nil at the end.
  mutating func levels() throws -> Levels? {
    if let current { return current }
    guard left > 0 else { return nil }
    do {
      while pageLeft == 0 { try openPage() }
      let levels = Levels(
        definition: try definitions?.next() ?? 0, repetition: try repetitions?.next() ?? 0)
      guard levels.definition <= column.definitionLevel, levels.repetition <= column.repetitionLevel else {
        throw DataFileError.malformed("a level that the schema does not have")
      }
      current = levels
      return levels
    } catch let error as DataFileError { throw named(error) }
  }

  /// The next entry's value, null where there is none.
  mutating func take() throws -> JSONValue {
    guard let levels = try levels() else {
      throw named(DataFileError.malformed("it has fewer values than rows"))
    }
    current = nil
    left -= 1
    pageLeft -= 1
    guard levels.definition == column.definitionLevel else { return .null }
    do { return try values?.next() ?? .null } catch let error as DataFileError { throw named(error) }
  }

  private func named(_ error: DataFileError) -> DataFileError {
    DataFileError(error.code, "column \(column.path): \(error.message)")
  }

  /// Opens the next page of data, and a dictionary before it.
  private mutating func openPage() throws {
    guard position < bytes.count else { throw DataFileError.malformed("it has fewer values than its header tells") }
    var reader = ThriftReader(bytes, from: position)
    let header = try PageHeader(&reader)
    let start = reader.position
    guard header.packedSize >= 0, header.size >= 0, header.packedSize <= bytes.count - start else {
      throw DataFileError.malformed("a page reaches beyond its end")
    }
    position = start + header.packedSize
    let packed = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    if let checksum = header.checksum {
      var own = CRC32()
      own.update(packed)
      guard own.value == checksum else { throw DataFileError.malformed("a page is damaged: its checksum is wrong") }
    }
    switch PageHeader.Kind(rawValue: header.kind) {
    case .dictionary: try readDictionary(header, packed)
    case .data: try open(header, packed)
    case .dataV2: try openSecondVersion(header, packed)
    case .index: break
    case nil: throw DataFileError(.unsupported, "a page is of a kind that is not read here")
    }
  }

  private mutating func readDictionary(_ header: PageHeader, _ packed: UnsafeRawBufferPointer) throws {
    guard dictionary == nil, [0, 2].contains(header.encoding), header.valueCount >= 0 else {
      throw DataFileError.malformed("a dictionary in the wrong place or form")
    }
    let page = try PageBytes.unpacked(packed, codec: codec, size: header.size)
    dictionary = try ValueReader.all(page.bytes, form, count: header.valueCount)
    withExtendedLifetime(page) {}
  }

  private mutating func checkCount(_ header: PageHeader) throws {
    guard (0...left).contains(header.valueCount) else {
      throw DataFileError.malformed("its pages have more values than its header tells")
    }
    guard header.hasKnownLevels else {
      throw DataFileError(.unsupported, "a page has levels in a form that is not read here")
    }
    pageLeft = header.valueCount
  }

  private mutating func open(_ header: PageHeader, _ packed: UnsafeRawBufferPointer) throws {
    try checkCount(header)
    let page = try PageBytes.unpacked(packed, codec: codec, size: header.size)
    self.page = page
    var rest = page.bytes
    func levels(_ largest: Int) throws -> HybridReader? {
      guard largest > 0 else { return nil }
      let parts = try ValueReader.measured(rest)
      rest = parts.rest
      return HybridReader(parts.content, width: Self.width(largest))
    }
    repetitions = try levels(column.repetitionLevel)
    definitions = try levels(column.definitionLevel)
    values = try ValueReader(
      rest, encoding: header.encoding, form: form, dictionary: dictionary, limit: header.valueCount)
  }

  private mutating func openSecondVersion(_ header: PageHeader, _ packed: UnsafeRawBufferPointer) throws {
    try checkCount(header)
    let (first, second) = (header.repetitionBytes, header.definitionBytes)
    guard first >= 0, second >= 0, first <= packed.count, second <= packed.count - first, first + second <= header.size
    else { throw DataFileError.malformed("a page has more levels than bytes") }
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: packed[range]) }
    func levels(_ range: Range<Int>, _ largest: Int) -> HybridReader? {
      largest > 0 ? HybridReader(part(range), width: Self.width(largest)) : nil
    }
    repetitions = levels(0..<first, column.repetitionLevel)
    definitions = levels(first..<first + second, column.definitionLevel)
    let body = part(first + second..<packed.count)
    let size = header.size - first - second
    // Nothing may be packed to nothing.
    let page =
      header.isPacked && !(body.isEmpty && size == 0)
      ? try PageBytes.unpacked(body, codec: codec, size: size) : PageBytes(viewing: body)
    self.page = page
    values = try ValueReader(
      page.bytes, encoding: header.encoding, form: form, dictionary: dictionary, limit: header.valueCount)
  }

  /// Bits of numbers up to `largest`.
  private static func width(_ largest: Int) -> Int { Int.bitWidth - largest.leadingZeroBitCount }
}
