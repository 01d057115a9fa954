import JSONReader
public import LanguageModels

/// A model whose logits are written down: row `i` follows the token at position `i` of any sequence.
public struct FixedModel: CausalLanguageModel {
  /// As small as may be.
  public let configuration: ModelConfiguration
  /// Logits after position `i`; the last row repeats.
  public let rows: [[Float]]

  /// A model of these rows.
  public init(rows: [[Float]], endTokenIDs: [Int] = [], positions: Int = 64) throws {
    self.rows = rows
    let ends = endTokenIDs.map(String.init).joined(separator: ",")
    let json = """
      {"architectures": ["LlamaForCausalLM"], "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
       "num_attention_heads": 1, "vocab_size": \(rows[0].count), "max_position_embeddings": \(positions),
       "bos_token_id": 1, "eos_token_id": [\(ends)]}
      """
    configuration = try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
  }

  /// A model that says `ids` after a prompt of one token, whatever the prompt.
  public init(saying ids: [Int], vocabulary: Int, endTokenIDs: [Int] = [], positions: Int = 64) throws {
    let rows = ids.map { id in (0..<vocabulary).map { $0 == id ? Float(20) : 0 } }
    try self.init(rows: rows, endTokenIDs: endTokenIDs, positions: positions)
  }

  /// An empty cache.
  public func makeCache(capacity: Int) -> KeyValueCache {
    KeyValueCache(configuration.blocks, capacity: capacity)
  }

  /// The rows that are written down.
  public func forward(_ segments: [Segment], logits: LogitsRequest, grouping: TokenGrouping) throws -> Logits {
    var values: [Float] = []
    for (index, segment) in segments.enumerated() {
      let end = segment.cache.count + segment.tokens.count
      let first = segment.cache.count
      segment.cache.advance(by: segment.tokens)
      switch logits {
      case .none: break
      case .last: values += rows[min(end - 1, rows.count - 1)]
      case .final(let counts):
        for position in (end - counts[index])..<end { values += rows[min(position, rows.count - 1)] }
      case .all: for position in first..<end { values += rows[min(position, rows.count - 1)] }
      }
    }
    let width = configuration.vocabularySize
    return Logits(rows: values.count / width, vocabularySize: width, values: values)
  }
}
