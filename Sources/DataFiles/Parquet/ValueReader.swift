import JSONReader

/// Reads the values of a page one by one.
enum ValueReader {
  case plain(UnsafeRawBufferPointer, ValueForm, position: Int)
  case dictionary(HybridReader, [JSONValue])
  case booleans(HybridReader)
  case differences(DeltaReader, ValueForm)
  case texts(DeltaTexts)
  /// All first bytes, then all second bytes, …
  case split(UnsafeRawBufferPointer, ValueForm, index: Int)

  /// - Parameters:
  ///   - encoding: `Encoding` of `parquet.thrift`.
  ///   - limit: the most values that the page may have.
  init(
    _ bytes: UnsafeRawBufferPointer, encoding: Int, form: ValueForm, dictionary: [JSONValue]?, limit: Int
  ) throws {
    switch (encoding, form) {
    case (0, _): self = .plain(bytes, form, position: 0)
    case (2, _), (8, _):
      guard let dictionary else { throw DataFileError.malformed("a page refers to a dictionary that is not there") }
      // Without values there is no width.
      let width = bytes.first ?? 0
      guard width <= 32 else { throw DataFileError.malformed("places in a dictionary of over 32 bits") }
      self = .dictionary(
        HybridReader(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()), width: Int(width)), dictionary)
    case (3, .boolean): self = .booleans(HybridReader(try Self.measured(bytes).content, width: 1))
    case (5, .integer): self = .differences(try DeltaReader(bytes, limit: limit), form)
    case (6, .text): self = .texts(try DeltaTexts(bytes, hasPrefixes: false, limit: limit))
    case (7, .text): self = .texts(try DeltaTexts(bytes, hasPrefixes: true, limit: limit))
    case (9, _) where form.width != nil: self = .split(bytes, form, index: 0)
    default: throw DataFileError(.unsupported, "a page has the encoding \(encoding), which is not read here")
    }
  }

  /// The part of `bytes` whose length stands before it, and what follows it.
  static func measured(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (content: UnsafeRawBufferPointer, rest: UnsafeRawBufferPointer) {
    guard bytes.count >= 4 else { throw DataFileError.malformed("a page has too few values") }
    let length = HybridReader.bits(bytes, at: 0, 32)
    guard length <= bytes.count - 4 else { throw DataFileError.malformed("a page has too few values") }
    return (
      UnsafeRawBufferPointer(rebasing: bytes[4..<4 + length]), UnsafeRawBufferPointer(rebasing: bytes[(4 + length)...])
    )
  }

  mutating func next() throws -> JSONValue {
    switch self {
    case .plain(let bytes, let form, var position):
      let value = try Self.plain(bytes, form, &position)
      self = .plain(bytes, form, position: position)
      return value
    case .dictionary(var places, let dictionary):
      let place = try places.next()
      self = .dictionary(places, dictionary)
      guard place < dictionary.count else { throw DataFileError.malformed("a place beyond the end of a dictionary") }
      return dictionary[place]
    case .booleans(var bits):
      let value = try bits.next()
      self = .booleans(bits)
      return .bool(value == 1)
    case .differences(var numbers, let form):
      let value = try numbers.next()
      self = .differences(numbers, form)
      return form.value(UInt64(bitPattern: Int64(value)))
    case .texts(var texts):
      let value = try texts.next()
      self = .texts(texts)
      return value
    case .split(let bytes, let form, let index):
      let width = form.width ?? 1
      let count = bytes.count / width
      guard index < count else { throw DataFileError.malformed("a page has too few values") }
      self = .split(bytes, form, index: index + 1)
      return form.value((0..<width).reduce(0) { $0 | UInt64(bytes[$1 * count + index]) << UInt64(8 * $1) })
    }
  }

  /// All values of a dictionary, which are stored one after the other.
  static func all(_ bytes: UnsafeRawBufferPointer, _ form: ValueForm, count: Int) throws -> [JSONValue] {
    var position = 0
    var values: [JSONValue] = []
    for _ in 0..<count { values.append(try plain(bytes, form, &position)) }
    return values
  }

  /// The value at `position`: of booleans in bits, of all others in bytes.
  private static func plain(
    _ bytes: UnsafeRawBufferPointer, _ form: ValueForm, _ position: inout Int
  ) throws -> JSONValue {
    func part(_ length: Int) throws -> UnsafeRawBufferPointer {
      guard length <= bytes.count - position else { throw DataFileError.malformed("a page has too few values") }
      defer { position += length }
      return UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
    }
    switch form {
    case .boolean:
      guard position < 8 * bytes.count else { throw DataFileError.malformed("a page has too few values") }
      defer { position += 1 }
      return .bool(bytes[position / 8] >> UInt8(position % 8) & 1 == 1)
    case .text: return try ValueForm.text(part(HybridReader.bits(part(4), at: 0, 32)))
    default:
      let width = form.width ?? 8
      return form.value(UInt64(bitPattern: Int64(HybridReader.bits(try part(width), at: 0, 8 * width))))
    }
  }
}
