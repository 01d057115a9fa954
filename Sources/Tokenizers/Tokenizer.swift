public import ChatTemplates

/// Text to token ids and back, as the file that came with a model says.
///
/// ```swift
/// let tokenizer = try Tokenizer(folder: "SmolLM2-135M-Instruct")
/// let ids = try tokenizer.encode("Hello world")
/// print(tokenizer.decode(ids))
/// ```
public final class Tokenizer: Sendable {
  let pieces: TokenSpellings
  let model: TokenModel
  let cuts: MarkCuts?
  let addedTokens: [Int: AddedToken]
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  let normalizer: Normalizer?
  let preTokenizer: PreTokenizer
  let decoder: TokenDecoder
  let template: SpecialTokenTemplate
  let scratchPool = ScratchPool()

  /// The id of the token that begins a text, where the model has one.
  public let bosID: Int?
  /// The ids that end a text, in the order of the files; empty where none is known.
  public let eosIDs: [Int]

  /// The chat templates of the model's folder, still as text.
  public let chatTemplates: ChatTemplate.Source
  /// The tokens that chat templates know by name.
  let namedTokens: NamedTokens

  /// What of the file has no effect here, one sentence each: truncation and padding, which are left to the caller.
  public let notes: [String]

  /// A tokenizer of its parts.
  init(_ parts: TokenizerParts) {
    pieces = parts.pieces
    model = parts.model
    cuts = parts.cuts
    notes = parts.notes
    chatTemplates = parts.chatTemplates
    func token(_ id: Int?) -> String? { id.flatMap { parts.pieces[$0].map { String(decoding: $0, as: UTF8.self) } } }
    namedTokens = parts.namedTokens.completed(bos: token(parts.bosID), eos: token(parts.eosIDs.first))
    addedTokens = Dictionary(parts.addedTokens.map { ($0.id, $0) }) { _, last in last }
    normalizer = parts.normalizer
    preTokenizer = PreTokenizer(steps: parts.preTokenizerSteps)
    decoder = parts.decoder
    template = parts.template
    bosID = parts.bosID
    eosIDs = parts.eosIDs
    rawMatcher = AddedTokenMatcher(parts.addedTokens.filter { !$0.normalized }.map { ($0.content, $0) })
    normalizedMatcher = AddedTokenMatcher(
      parts.addedTokens.filter(\.normalized).map { token in
        var text = AlignedText(bytes: token.content)
        try? parts.normalizer?.apply(to: &text)
        return (text.bytes, token)
      })
  }

  /// One more than the highest token id; logits may be wider.
  public var vocabularySize: Int { pieces.idLimit }

  /// The first of `eosIDs`.
  public var eosID: Int? { eosIDs.first }

  /// The id of a token as the vocabulary file spells it, or nil.
  public func tokenID(of piece: String) -> Int? {
    let id = pieces.id(of: Array(piece.utf8))
    return id >= 0 ? Int(id) : nil
  }

  /// A token as the vocabulary file spells it, or nil for an id without a token.
  public func piece(of id: Int) -> String? { pieces[id].map { String(decoding: $0, as: UTF8.self) } }

  /// The bytes of text a token stands for, or nil for an id without a token.
  public func bytes(of id: Int) -> [UInt8]? { decodedBytes(of: id) }

  /// Whether the token is a control token.
  public func isSpecial(_ id: Int) -> Bool { addedTokens[id]?.special ?? false }

  /// A detokenizer for a stream of ids.
  public func streamingDetokenizer(skipSpecialTokens: Bool = false) -> StreamingDetokenizer {
    StreamingDetokenizer(self, skipSpecialTokens: skipSpecialTokens)
  }
}

/// What a tokenizer is made of.
struct TokenizerParts {
  var pieces: TokenSpellings
  var model: TokenModel
  var cuts: MarkCuts?
  var addedTokens: [AddedToken]
  var normalizer: Normalizer?
  var preTokenizerSteps: [PreTokenizer.Step]
  var decoder: TokenDecoder
  var template = SpecialTokenTemplate()
  var bosID: Int?
  var eosIDs: [Int] = []
  var notes: [String] = []
  var chatTemplates = ChatTemplate.Source(templateFile: nil)
  var namedTokens = NamedTokens()
}
