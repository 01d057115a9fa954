/// The vocabulary of a GGUF file, as its `tokenizer.ggml.*` metadata gives it.
public struct GGUFVocabulary: Sendable {
  /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece).
  public var model: String
  /// `tokenizer.ggml.pre`: the name of the split pattern.
  public var preTokenizer: String
  /// `tokenizer.ggml.tokens`: spellings, in order of id.
  public var tokens: [String]
  /// `tokenizer.ggml.token_type`, one for each token: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte.
  public var tokenTypes: [Int]
  /// `tokenizer.ggml.merges`: pairs with a space between.
  public var merges: [String]
  /// `tokenizer.ggml.bos_token_id`
  public var bosID: Int?
  /// `tokenizer.ggml.eos_token_id` first, then further ids that end a text.
  public var eosIDs: [Int]
  /// `tokenizer.ggml.add_bos_token`; nil leaves it to what the pattern's models do.
  public var addsBOS: Bool?
  /// `tokenizer.ggml.scores`, one for each token of the model `llama`.
  public var scores: [Float]
  /// `tokenizer.ggml.add_space_prefix`; nil is yes.
  public var addsSpacePrefix: Bool?

  /// A vocabulary of its fields.
  public init(
    model: String, preTokenizer: String, tokens: [String], tokenTypes: [Int], merges: [String], bosID: Int? = nil,
    eosIDs: [Int] = [], addsBOS: Bool? = nil, scores: [Float] = [], addsSpacePrefix: Bool? = nil
  ) {
    self.model = model
    self.preTokenizer = preTokenizer
    self.tokens = tokens
    self.tokenTypes = tokenTypes
    self.merges = merges
    self.bosID = bosID
    self.eosIDs = eosIDs
    self.addsBOS = addsBOS
    self.scores = scores
    self.addsSpacePrefix = addsSpacePrefix
  }
}
