import Foundation
import JSONReader

/// A vocabulary of ranked byte strings, as `tiktoken` has it: two tokens may be joined where together they are a token,
/// the lowest rank first.
struct RankVocabulary {
  /// How the families whose files carry no pattern cut and what they add.
  struct Family: Sendable {
    let name: String
    let steps: [PreTokenizer.Step]
    var normalizer: Normalizer?
    /// Control tokens with their distance from the number of ranks.
    var controls: [(name: String, offset: Int)] = []
    var begin: String?
    var end: String?
  }

  /// The file, for messages.
  let file: String
  /// The bytes of each token, by rank.
  var tokens: [[UInt8]] = []
  /// What is added to a rank to give the id.
  var idOffset = 0
  var controls: [(name: String, id: Int)] = []
  var steps: [PreTokenizer.Step] = []
  var normalizer: Normalizer?
  var begin: String?
  var end: String?
  var addsBegin = false

  /// The parts of the tokenizer.
  func parts() throws -> TokenizerParts {
    var byteList = PieceList()
    var spelledList = PieceList()
    for (rank, token) in tokens.enumerated() {
      try byteList.append(token, id: rank + idOffset)
      try spelledList.append(ByteLevelAlphabet.spelling(of: token), id: rank + idOffset)
    }
    let bytes = ByteStringTable(byteList, idLimit: tokens.count + idOffset)
    let spelled = ByteStringTable(spelledList, idLimit: tokens.count + idOffset)
    var model = BytePairEncoding(
      vocabulary: spelled,
      merges: .joiningPieces(bytes, Array(idOffset..<idOffset + tokens.count), betweenScalars: false) { $0 },
      symbols: .bytes((0..<256).map { bytes.id(of: [UInt8($0)]) }))
    model.ignoresMerges = true
    let added = controls.map { AddedToken(id: $0.id, content: Array($0.name.utf8), special: true) }
    let beginID = begin.flatMap { name in controls.first { $0.name == name }?.id }
    return TokenizerParts(
      pieces: TokenSpellings(spelled, added: added), model: .bytePairEncoding(model), addedTokens: added,
      normalizer: normalizer,
      preTokenizerSteps: steps, decoder: TokenDecoder(steps: [.byteLevel]),
      template: SpecialTokenTemplate(prefix: addsBegin ? [beginID].compactMap { $0 } : []), bosID: beginID,
      eosIDs: end.flatMap { name in controls.first { $0.name == name }?.id }.map { [$0] } ?? [])
  }

  /// Reads lines of a token in base 64 and its rank.
  init(ranks bytes: [UInt8], file: String) throws {
    self.file = file
    for (number, line) in bytes.split(separator: 0x0a).enumerated() {
      let line = line.last == 0x0d ? line.dropLast() : line
      guard let space = line.firstIndex(of: 0x20), let token = Data(base64Encoded: Data(line[..<space])),
        !token.isEmpty, Int(String(decoding: line[(space + 1)...], as: UTF8.self)) == number
      else {
        throw TokenizerError(
          .malformedFile, "\(file): line \(number + 1) is not a token in base 64 and the rank \(number)")
      }
      tokens.append([UInt8](token))
    }
    guard let family = Self.families[tokens.count] else {
      throw TokenizerError(
        .unsupportedPart,
        "\(file): \(tokens.count) ranks are of no family whose split pattern is known; use the tokenizer.json")
    }
    let count = tokens.count
    controls = family.controls.map { ($0.name, count + $0.offset) }
    steps = family.steps
    normalizer = family.normalizer
    begin = family.begin
    end = family.end
    addsBegin = family.begin != nil
  }

  /// Reads Mistral's `tekken.json`.
  init(tekken bytes: [UInt8], file: String) throws {
    self.file = file
    let root = try parseJSON(bytes, file)
    let config = root.field("config")
    guard let pattern = config.field("pattern").stringValue else {
      throw TokenizerError(.malformedFile, "\(file): config.pattern is not there")
    }
    do throws(RegularExpressionPattern.Refusal) {
      steps = [.expression(try RegularExpressionPattern(pattern), .isolated, inverted: false)]
    } catch {
      throw TokenizerError(.unsupportedPart, "\(file): the pattern is not supported (\(error.reason))")
    }
    let controlCount = config.field("default_num_special_tokens").intValue ?? 1000
    let vocabulary = root.field("vocab").elements
    let size = config.field("default_vocab_size").intValue ?? vocabulary.count + controlCount
    guard controlCount >= 0, controlCount <= 65536, size >= controlCount, size - controlCount <= vocabulary.count else {
      throw TokenizerError(.malformedFile, "\(file): the sizes of config do not fit \(vocabulary.count) tokens")
    }
    idOffset = controlCount
    for (rank, entry) in vocabulary.prefix(size - controlCount).enumerated() {
      guard entry.field("rank").intValue == rank, let text = entry.field("token_bytes").stringValue,
        let token = Data(base64Encoded: text), !token.isEmpty
      else { throw TokenizerError(.malformedFile, "\(file): token \(rank) has another rank or no bytes") }
      tokens.append([UInt8](token))
    }
    var names = Self.tekkenControls.enumerated().map { (name: $1, id: $0) }
    let listed = root.field("special_tokens").elements
    if !listed.isEmpty {
      names = listed.compactMap { entry in
        guard let id = entry.field("rank").intValue, let name = entry.field("token_str").stringValue else { return nil }
        return (name, id)
      }
    }
    let taken = Set(names.map(\.id))
    names += (0..<controlCount).filter { !taken.contains($0) }.map { ("<SPECIAL_\($0)>", $0) }
    controls = names.filter { (0..<controlCount).contains($0.id) }
    begin = "<s>"
    end = "</s>"
    addsBegin = true
  }

  private static let tekkenControls = [
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
  ]

  /// The families by their number of ranks.
  private static let families: [Int: Family] = {
    let llama = [
      "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
      "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    ]
    let reserved = (3...247).map { "<|reserved_special_token_\($0)|>" }
    let qwen = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + (0..<205).map { "<|extra_\($0)|>" }
    func numbered(_ names: [String]) -> [(name: String, offset: Int)] { names.enumerated().map { ($1, $0) } }
    let gpt2 = Family(
      name: "gpt2", steps: [.known(.gpt2)], controls: [("<|endoftext|>", 0)], end: "<|endoftext|>")
    let cl100k = Family(
      name: "cl100k_base", steps: [.known(.llama3)],
      controls: [
        ("<|endoftext|>", 1), ("<|fim_prefix|>", 2), ("<|fim_middle|>", 3), ("<|fim_suffix|>", 4),
        ("<|endofprompt|>", 20),
      ], end: "<|endoftext|>")
    var families = [
      128_000: Family(
        name: "llama3", steps: [.known(.llama3)], controls: numbered(llama + reserved), begin: "<|begin_of_text|>",
        end: "<|end_of_text|>"),
      151_643: Family(
        name: "qwen", steps: [.known(.qwen2)], normalizer: .form(.nfc), controls: numbered(qwen),
        end: "<|endoftext|>"),
      50_256: gpt2, 100_256: cl100k,
    ]
    if let pattern = try? RegularExpressionPattern(SplitPatterns.o200k) {
      families[199_998] = Family(
        name: "o200k_base", steps: [.expression(pattern, .isolated, inverted: false)],
        controls: [("<|endoftext|>", 1), ("<|endofprompt|>", 20)], end: "<|endoftext|>")
    }
    return families
  }()
}

extension Tokenizer {
  /// The tokenizer of the bytes of a file of ranks (`qwen.tiktoken`, Llama 3's `tokenizer.model`, the published
  /// `gpt2`, `cl100k_base` and `o200k_base`); the number of ranks tells the family, others are refused.
  public convenience init(ranks bytes: [UInt8], file: String = "tokenizer.model") throws {
    self.init(try RankVocabulary(ranks: bytes, file: file).parts())
  }

  /// The tokenizer of the bytes of Mistral's `tekken.json`.
  public convenience init(tekken bytes: [UInt8], file: String = "tekken.json") throws {
    self.init(try RankVocabulary(tekken: bytes, file: file).parts())
  }
}
