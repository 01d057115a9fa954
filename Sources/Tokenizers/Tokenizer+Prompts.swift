public import ChatTemplates

extension Tokenizer {
  /// The token ids of a prompt whose messages cannot forge control tokens.
  ///
  /// A control token is read as plain text where any part of it comes from a message, tool or document; the template's
  /// own control tokens, and all other text, are read as `encode(_:addSpecialTokens:parseSpecialTokens:)` reads them.
  /// Control tokens are the special ones, and the other added tokens that the template writes, like `<tool_call>`. The
  /// template writes its begin token itself, so none is added.
  ///
  /// - Parameters:
  ///   - prompt: what `template` made of a conversation.
  ///   - template: the template of the prompt.
  /// - Throws: `TokenizerError` (`cannotEncode`) where the model makes a control token of plain text, or cannot encode.
  public func encode(_ prompt: TemplateText, of template: ChatTemplate) throws -> [Int] {
    let messages = MessageText(ranges: prompt.messageRanges, written: addedTokens(writtenBy: template))
    var sink = PromptSink(messages, addedTokens)
    try run(prompt.string, .plainInMessages(messages), into: &sink)
    if let forged = sink.forged {
      let piece = piece(of: forged) ?? String(forged)
      throw TokenizerError(
        .cannotEncode,
        "a message spells the control token '\(piece)', which this tokenizer makes of plain text; change the message, "
          + "or allow control tokens in messages")
    }
    return sink.ids
  }

  /// The added tokens that are not special, are not blank, and stand in the template's own text.
  private func addedTokens(writtenBy template: ChatTemplate) -> Set<Int> {
    var text = template.literalText
    return text.withUTF8 { bytes in
      let found = [rawMatcher, normalizedMatcher].flatMap { $0.segments(of: bytes, 0..<bytes.count, .parsed) }
      return Set(
        found.lazy.compactMap(\.token)
          .filter { !$0.special && $0.content.contains { byte in byte > 0x20 && byte < 0x80 } }.map(\.id))
    }
  }
}
