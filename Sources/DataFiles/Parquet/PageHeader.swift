/// The header of a page (`parquet.thrift`).
struct PageHeader {
  enum Kind: Int { case data, index, dictionary, dataV2 }

  private(set) var kind = 0
  private(set) var size = -1
  private(set) var packedSize = -1
  private(set) var checksum: UInt32?
  private(set) var valueCount = -1
  private(set) var encoding = -1
  /// Bytes of levels before the values, which are not packed; of pages of the second version.
  private(set) var definitionBytes = 0
  private(set) var repetitionBytes = 0
  private(set) var isPacked = true
  /// Whether levels are in the only form that is still written.
  private(set) var hasKnownLevels = true

  init(_ reader: inout ThriftReader) throws {
    var header = Self()
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .int32): header.kind = try reader.integer()
      case (2, .int32): header.size = try reader.integer()
      case (3, .int32): header.packedSize = try reader.integer()
      case (4, .int32): header.checksum = UInt32(truncatingIfNeeded: try reader.integer())
      case (5, .structure), (7, .structure): try header.readContent(&reader)
      case (8, .structure): try header.readSecondVersion(&reader)
      default: return false
      }
      return true
    }
    self = header
  }

  private init() {}

  /// `DataPageHeader` and `DictionaryPageHeader`, which begin alike.
  private mutating func readContent(_ reader: inout ThriftReader) throws {
    var header = self
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .int32): header.valueCount = try reader.integer()
      case (2, .int32): header.encoding = try reader.integer()
      case (3, .int32), (4, .int32): header.hasKnownLevels = try reader.integer() == 3 && header.hasKnownLevels
      default: return false
      }
      return true
    }
    self = header
  }

  private mutating func readSecondVersion(_ reader: inout ThriftReader) throws {
    var header = self
    try reader.structure { reader, field, kind in
      switch (field, kind) {
      case (1, .int32): header.valueCount = try reader.integer()
      case (4, .int32): header.encoding = try reader.integer()
      case (5, .int32): header.definitionBytes = try reader.integer()
      case (6, .int32): header.repetitionBytes = try reader.integer()
      case (7, .isTrue): header.isPacked = true
      case (7, .isFalse): header.isPacked = false
      default: return false
      }
      return true
    }
    self = header
  }
}
