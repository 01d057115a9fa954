/// One render: scopes, limits and the statements' effects. Used by one thread.
final class Interpreter: @unchecked Sendable {
  let limits: TemplateLimits
  let clock: TemplateClock
  private var steps = 0
  private var depth = 0
  /// Every namespace and captured scope of the render; cleared at the end so that no cycle stays and no long chain is
  /// released by recursion.
  private var namespaces: [Namespace] = []
  private var capturedScopes: [Scope] = []

  init(limits: TemplateLimits, clock: TemplateClock) {
    self.limits = limits
    self.clock = clock
  }

  deinit {
    for namespace in namespaces { namespace.values = TemplateDictionary() }
    for scope in capturedScopes { scope.variables.removeAll() }
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

  /// Runs `work` one level deeper.
  func nested<Value>(_ work: () throws -> Value) throws -> Value {
    try charge()
    guard depth < limits.depth else {
      throw TemplateError(.limitExceeded, "maximum recursion depth exceeded")
    }
    depth += 1
    defer { depth -= 1 }
    return try work()
  }

  /// The value, unless it nests too deeply; counts its size.
  func admit(_ value: TemplateValue) throws -> TemplateValue {
    switch value {
    case .string(let text): try chargeCopy(text.utf8.count)
    case .list(let list): try chargeCopy(list.items.count * 16)
    case .dictionary(let dictionary): try chargeCopy(dictionary.count * 32)
    default: break
    }
    guard value.depth <= TemplateLimits.maximumValueDepth else {
      throw TemplateError(.limitExceeded, "lists and dictionaries nest too deeply")
    }
    return value
  }

  func write(_ text: String, into output: inout String) throws {
    try chargeCopy(text.utf8.count + output.utf8.count / 1024)
    guard output.utf8.count + text.utf8.count <= limits.outputBytes else {
      throw TemplateError(.limitExceeded, "the template writes more than \(limits.outputBytes) bytes")
    }
    output += text
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
}

/// The variables of a block, over those of the block around it.
final class Scope {
  var variables: [String: TemplateValue] = [:]
  let parent: Scope?
  var isCaptured = false

  init(parent: Scope?) { self.parent = parent }

  func lookUp(_ name: String) -> TemplateValue? {
    var scope: Scope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

/// The object of `namespace()`.
final class Namespace: TemplateObject, @unchecked Sendable {
  var values: TemplateDictionary

  init(_ values: TemplateDictionary) { self.values = values }

  override var typeName: String { "Namespace" }

  override func attribute(_ name: String) -> TemplateValue? { values[.string(name)] }
}

/// A built-in function or a method bound to its value.
final class NativeFunction: TemplateObject, @unchecked Sendable {
  typealias Body = (CallArguments, Interpreter) throws -> TemplateValue

  let name: String
  let body: Body

  init(_ name: String, _ body: @escaping Body) {
    self.name = name
    self.body = body
  }

  override var typeName: String { "function \(name)" }
  override var isCallable: Bool { true }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    try body(arguments, interpreter)
  }
}

/// The evaluated arguments of a call.
struct CallArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The argument at a position or under a name.
  func value(_ position: Int, _ name: String) -> TemplateValue? {
    if position < positional.count { return positional[position] }
    return named.last { $0.name == name }?.value
  }

  func value(named name: String) -> TemplateValue? { named.last { $0.name == name }?.value }

  /// The argument as text; throws where it is missing and has no default, or is not text.
  func text(_ position: Int, _ name: String, default standard: String? = nil) throws -> String {
    guard let value = value(position, name) else {
      guard let standard else { throw TemplateError(.wrongType, "missing argument '\(name)'") }
      return standard
    }
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let text = value.text else {
      throw TemplateError(.wrongType, "argument '\(name)' must be str, not \(value.typeName)")
    }
    return text
  }

  /// The argument as an integer; throws where it is missing and has no default, or is not an integer.
  func integer(_ position: Int, _ name: String, default standard: Int? = nil) throws -> Int {
    guard let value = value(position, name) else {
      guard let standard else { throw TemplateError(.wrongType, "missing argument '\(name)'") }
      return standard
    }
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let integer = value.integer else {
      throw TemplateError(.wrongType, "'\(value.typeName)' object cannot be interpreted as an integer")
    }
    return integer
  }

  func flag(_ position: Int, _ name: String, default standard: Bool = false) -> Bool {
    value(position, name)?.isTrue ?? standard
  }

  /// The arguments after the first `count` positional ones.
  func dropping(_ count: Int) -> CallArguments {
    CallArguments(positional: Array(positional.dropFirst(count)), named: named)
  }
}
