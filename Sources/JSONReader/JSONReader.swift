/// A JSON value; the keys of an object keep their order and their exact bytes.
///
/// Strings are UTF-8 bytes turned into `String` without any normalisation; compare `utf8` where canonical
/// equivalence must not count.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// An integer literal that fits `Int`.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])
}
