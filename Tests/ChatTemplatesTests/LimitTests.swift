import ChatTemplates
import TestSupport
import Testing

/// Hostile templates end in an error.
@Suite struct LimitTests {
  private func code(_ template: String, limits: TemplateLimits = TemplateLimits()) -> TemplateError.Code? {
    do {
      _ = try ChatTemplate(template, limits: limits).render(variables: [("messages", .list([.none]))])
      return nil
    } catch {
      return (error as? TemplateError)?.code
    }
  }

  /// Case C12: a macro that calls itself 100,000 deep is an error, never a stack overflow.
  @Test func deepMacroRecursionIsAnError() {
    #expect(
      code("{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100000) }}") == .limitExceeded)
    #expect(code("{% macro m() %}{{ ['a']|map('upper')|join(m()) }}{% endmacro %}{{ m() }}") == .limitExceeded)
  }

  /// By definition: nesting that fits no real template is a syntax error.
  @Test func deepSyntaxIsAnError() {
    #expect(code("{{ " + String(repeating: "(", count: 100_000) + "}}") == .syntax)
    #expect(code("{{ 1" + String(repeating: "+1", count: 100_000) + "}}") == .syntax)
    #expect(code("{{ a" + String(repeating: "[0]", count: 100_000) + "}}") == .syntax)
    #expect(code("{{ " + String(repeating: "not ", count: 100_000) + "1 }}") == .syntax)
    #expect(code(String(repeating: "{% if 1 %}", count: 100_000)) == .syntax)
  }

  /// By definition: text and loops that grow without end stop at the limits.
  @Test func growthIsAnError() {
    #expect(code("{{ 'a' * 10**12 }}") == .limitExceeded)
    #expect(code("{{ [1] * 10**12 }}") == .limitExceeded)
    #expect(code("{{ 'a'.ljust(10**12) }}{{ '%999999999999d' % 1 }}") == .limitExceeded)
    let limits = TemplateLimits(outputBytes: 10_000, steps: 100_000)
    #expect(
      code(
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        limits: limits)
        == .limitExceeded)
    #expect(
      code("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", limits: limits)
        == .limitExceeded)
    #expect(code("{{ 9223372036854775807 + 1 }}") == .limitExceeded)
  }

  /// By definition: values that nest without end, and namespaces in a ring or a long chain, do no harm.
  @Test func deepValuesAreReleased() {
    #expect(
      code("{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}")
        == .limitExceeded)
    #expect(
      code(
        "{% set n = namespace(p=none) %}{% for i in range(50000) %}{% set n.p = namespace(p=n.p) %}{% endfor %}ok")
        == nil)
    #expect(code("{% set n = namespace() %}{% set n.n = n %}{{ n.n.n is defined }}") == nil)
  }

  /// The sandbox of Jinja: no attribute of an internal, no mutation.
  @Test func sandboxHidesInternals() throws {
    #expect(try ChatTemplate("[{{ [].__class__ }}{{ range.__globals__ }}]").render(variables: []) == "[]")
    #expect(code("{{ ''.__class__.__mro__ }}") == .security)
    #expect(code("{{ messages.pop() }}") == .security)
  }
}
