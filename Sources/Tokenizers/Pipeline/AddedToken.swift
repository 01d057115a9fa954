/// A token that is found in the text before the model sees it.
struct AddedToken: Sendable {
  let id: Int
  /// UTF-8 bytes.
  let content: [UInt8]
  /// Whether it matches only between non-word characters.
  var singleWord = false
  /// Whether it takes the white space before it.
  var stripsLeft = false
  /// Whether it takes the white space after it.
  var stripsRight = false
  /// Whether it is looked for in the normalized text.
  var normalized = false
  /// Whether it is a control token.
  var special = false
}
