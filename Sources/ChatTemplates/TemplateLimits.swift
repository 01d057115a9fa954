/// What one render may use; a template that passes a limit ends in `.limitExceeded`.
public struct TemplateLimits: Sendable {
  /// The longest text a template may build, in UTF-8 bytes.
  public var outputBytes: Int
  /// The most evaluation steps; one per syntax node and one per 64 bytes or items copied.
  public var steps: Int
  /// The deepest nesting of syntax nodes being evaluated, macro calls included.
  public var depth: Int

  /// Limits of one render.
  public init(outputBytes: Int = 32 << 20, steps: Int = 10_000_000, depth: Int = 1_000) {
    self.outputBytes = outputBytes
    self.steps = steps
    self.depth = depth
  }

  /// The longest `range`, as in Jinja's sandbox (`jinja2.sandbox.MAX_RANGE`).
  static let maximumRange = 100_000
  /// The longest integer: what has no more bits prints in the 4,300 digits that Python allows.
  static let maximumIntegerBits = 14_284
  /// The deepest nesting of lists and dictionaries.
  static let maximumValueDepth = 256
  /// The deepest nesting of the syntax tree.
  static let maximumSyntaxDepth = 400
}
