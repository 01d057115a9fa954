/// One render: scopes, limits and the statements' effects. Used by one thread.
final class Interpreter: @unchecked Sendable {
  let limits: TemplateLimits
  let clock: TemplateClock
  let program: Program
  private var steps = 0
  private var depth = 0
  /// What can hold on to other objects of the render; cleared at its end so that no cycle stays and no long chain is
  /// released by recursion.
  private var namespaces: [Namespace] = []
  private var capturedScopes: [Scope] = []
  private var loops: [LoopState] = []

  init(_ program: Program, limits: TemplateLimits, clock: TemplateClock) {
    self.program = program
    self.limits = limits
    self.clock = clock
  }

  /// The text of the template with these variables.
  func render(_ variables: [(String, TemplateValue)]) throws -> TemplateText {
    defer {
      for namespace in namespaces { namespace.values = TemplateDictionary() }
      for scope in capturedScopes { scope.removeAll() }
      for loop in loops { loop.lastChanged = nil }
    }
    let scope = Scope(parent: nil)
    for (name, value) in variables {
      if let symbol = program.symbols.existing(name) { scope.set(symbol, try admit(value)) }
    }
    var output = TemplateText()
    _ = try run(program.statements, in: scope, into: &output)
    return output
  }

  /// Counts `count` steps.
  func charge(_ count: Int = 1) throws {
    steps &+= count
    guard steps <= limits.steps, count >= 0 else {
      throw TemplateError(.limitExceeded, "the template takes more than \(limits.steps) steps")
    }
  }

  /// Counts the copying of text or items, before it happens.
  func chargeCopy(_ size: Int) throws {
    guard size <= limits.outputBytes else {
      throw TemplateError(.limitExceeded, "the template builds more than \(limits.outputBytes) bytes")
    }
    try charge(1 + size / 64)
  }

  /// Begins a level of nesting, which `leave` ends.
  func enter() throws {
    try charge()
    guard depth < limits.depth else {
      throw TemplateError(.limitExceeded, "maximum recursion depth exceeded")
    }
    depth += 1
  }

  func leave() { depth -= 1 }

  /// Runs `work` one level deeper.
  func nested<Value>(_ work: () throws -> Value) throws -> Value {
    try enter()
    defer { leave() }
    return try work()
  }

  /// The value, unless it nests too deeply; counts its size.
  func admit(_ value: TemplateValue) throws -> TemplateValue {
    switch value {
    case .string(let text):
      try chargeCopy(text.count)
      return value
    case .list(let list):
      try chargeCopy(list.items.count * 16)
      try checkWeight(list.weight)
    case .dictionary(let dictionary):
      try chargeCopy(dictionary.count * 32)
      try checkWeight(dictionary.weight)
    case .object: break
    default: return value
    }
    guard value.depth <= TemplateLimits.maximumValueDepth else {
      throw TemplateError(.limitExceeded, "lists and dictionaries nest too deeply")
    }
    return value
  }

  private func checkWeight(_ weight: Int) throws {
    guard weight <= limits.outputBytes else {
      throw TemplateError(.limitExceeded, "a value holds more than \(limits.outputBytes) bytes")
    }
  }

  func write(_ text: TemplateText, into output: inout TemplateText) throws {
    try charge(1 + text.count / 64)
    guard output.count + text.count <= limits.outputBytes else {
      throw TemplateError(.limitExceeded, "the template writes more than \(limits.outputBytes) bytes")
    }
    output.append(text)
  }

  func write(_ text: String, into output: inout TemplateText) throws {
    try charge(1 + text.utf8.count / 64)
    guard output.count + text.utf8.count <= limits.outputBytes else {
      throw TemplateError(.limitExceeded, "the template writes more than \(limits.outputBytes) bytes")
    }
    output.append(text)
  }

  /// Each scalar of a text as a text of its own.
  func characters(of text: TemplateText) throws -> [TemplateText] {
    let size = text.count.multipliedReportingOverflow(by: 16)
    try chargeCopy(size.overflow ? .max : size.partialValue)
    return text.characters
  }

  func makeNamespace(_ values: TemplateDictionary) throws -> Namespace {
    try charge(16)
    let namespace = Namespace(values)
    namespaces.append(namespace)
    return namespace
  }

  func capture(_ scope: Scope) {
    guard !scope.isCaptured else { return }
    scope.isCaptured = true
    capturedScopes.append(scope)
  }

  func keep(_ loop: LoopState) { loops.append(loop) }
}

/// The variables of a block, over those of the block around it.
final class Scope {
  private var entries: [(symbol: Symbol, value: TemplateValue)] = []
  let parent: Scope?
  /// Whether a macro may look into it after its block ended.
  var isCaptured = false

  init(parent: Scope?) { self.parent = parent }

  func lookUp(_ symbol: Symbol) -> TemplateValue? {
    var scope = self
    while true {
      for entry in scope.entries where entry.symbol == symbol { return entry.value }
      guard let parent = scope.parent else { return nil }
      scope = parent
    }
  }

  func set(_ symbol: Symbol, _ value: TemplateValue) {
    for index in entries.indices where entries[index].symbol == symbol {
      entries[index].value = value
      return
    }
    entries.append((symbol, value))
  }

  func removeAll() { entries.removeAll(keepingCapacity: true) }
}
