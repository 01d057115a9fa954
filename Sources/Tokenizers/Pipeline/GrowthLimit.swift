/// How long the rules of a file may make a text, so that no file can fill the memory.
///
/// Real rules make a text at most some twenty times as long (NFKC of single characters).
struct GrowthLimit: Sendable {
  private let bytes: Int

  /// The limit for a text of `count` bytes.
  init(of count: Int) { bytes = 65_536 + 64 * count }

  /// Throws `TokenizerError` (`cannotEncode`) for a text beyond the limit.
  func check(_ count: Int) throws {
    guard count <= bytes else {
      throw TokenizerError(.cannotEncode, "the rules of the tokenizer make the text more than 64 times as long")
    }
  }

  /// The same for `count` insertions of some bytes.
  func check(_ count: Int, times size: Int) throws {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    try check(overflow ? .max : product)
  }
}
