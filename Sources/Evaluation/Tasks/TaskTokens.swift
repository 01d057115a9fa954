import Tokenizers

/// A request as token ids.
struct TokenRequest: Sendable, Equatable {
  /// Context and continuation, cut at the left to what the model takes.
  let tokens: [Int]
  /// How many of the last ones belong to the continuation.
  let continuationCount: Int

  /// What the model reads: all but the last.
  var inputs: ArraySlice<Int> { tokens.dropLast() }
}

/// Turns the texts of requests into ids as `lm-eval` does with a tokenizer of `transformers`.
struct TaskTokens {
  let tokenizer: Tokenizer
  /// The most tokens a model reads at once.
  let maximumLength: Int
  private let beginText: String?

  init(_ tokenizer: Tokenizer, maximumLength: Int) {
    self.tokenizer = tokenizer
    self.maximumLength = maximumLength
    beginText = (tokenizer.bosID ?? tokenizer.eosID).flatMap { tokenizer.piece(of: $0) }
  }

  /// The ids of a request. White space at the end of the context goes to the continuation; the ids of the continuation are those
  /// of the whole text after as many as the context has by itself.
  ///
  /// - Throws: `EvaluationError` (`badData`) for a continuation without tokens or one longer than the model's context.
  func request(_ request: TaskItem.Request) throws -> TokenRequest {
    let scalars = Array(request.context.unicodeScalars)
    let end = (scalars.lastIndex { !PythonText.isSpace($0) } ?? -1) + 1
    var context: [Int]
    var continuation: [Int]
    if scalars.isEmpty {
      // Without a context, the token that begins a text stands for it.
      guard let begin = tokenizer.bosID ?? tokenizer.eosID else {
        throw EvaluationError(.badData, "an item has no context, and the tokenizer has no begin token to stand for it")
      }
      continuation = try tokenizer.encode(request.continuation, addSpecialTokens: false)
      if continuation.first == begin {
        context = [begin]
        continuation.removeFirst()
      } else {
        context = [begin]
      }
    } else {
      let text = String(String.UnicodeScalarView(scalars[..<end]))
      let rest = String(String.UnicodeScalarView(scalars[end...])) + request.continuation
      context = try encode(text)
      continuation = Array(try encode(text + rest).dropFirst(context.count))
    }
    guard !continuation.isEmpty, !context.isEmpty else {
      throw EvaluationError(.badData, "an item has a choice without tokens: \"\(request.continuation)\"")
    }
    guard continuation.count <= maximumLength else {
      throw EvaluationError(
        .badData, "a choice has \(continuation.count) tokens; the model takes \(maximumLength)")
    }
    let tokens = Array((context + continuation).suffix(maximumLength + 1))
    return TokenRequest(tokens: tokens, continuationCount: continuation.count)
  }

  /// A text that spells the begin token itself gets no special tokens added.
  private func encode(_ text: String) throws -> [Int] {
    let spellsBegin = beginText.map { !$0.isEmpty && text.utf8.starts(with: $0.utf8) } ?? false
    return try tokenizer.encode(text, addSpecialTokens: !spellsBegin)
  }
}
