/// A JSON value; the keys of an object keep their order and their exact bytes.
///
/// Strings are UTF-8 bytes turned into `String` without any normalisation; compare `utf8` where canonical
/// equivalence must not count.
public enum JSONValue: Sendable {
  /// The value `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// An integer literal that fits `Int`.
  case integer(Int)
  /// Any other number.
  case number(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Entries in the order of the text; a key may occur twice.
  case object([(key: String, value: JSONValue)])
}
