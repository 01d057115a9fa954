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

  /// By definition: every way to ask for a giant text or list ends before it is made.
  @Test(arguments: [
    "{{ '%999999999999d' % 1 }}", "{{ '%.999999999999f' % 1 }}", "{{ '%*d' % (10**12, 1) }}",
    "{{ '{:>99999999999}'.format(1) }}", "{{ '{:099999999,}'.format(1) }}", "{{ 'a'.center(10**12) }}",
    "{{ '1'.zfill(10**12) }}", "{{ 'a\t'.expandtabs(10**12) }}", "{{ 'a\nb'|indent(10**12) }}",
    "{{ [1]|batch(10**12, 'x')|list }}", "{{ [1]|slice(10**12)|list }}", "{{ [1]|tojson(indent=10**9) }}",
    "{{ range(10**12) }}", "{{ [1] * 10**12 }}", "{{ ('a' * 10**6).replace('a', 'b' * 10**6) }}",
    "{{ ('a' * 10**6).replace('', 'b' * 10**6) }}", "{{ ('a' * 10**6)|replace('a', 'b' * 10**6) }}",
    "{{ ('b' * 10**6).join('a' * 10**6) }}", "{{ ('a' * 10**6)|list|join('b' * 10**6) }}", "{{ 2 ** (10 ** 10) }}",
    "{{ 9 ** (9 ** 9) }}", "{{ ('a' * 10**7 ~ 'a' * 10**7) ~ 'a' * 2 * 10**7 }}", "{{ ('a' * 3 * 10**7)|list|length }}",
    "{{ ('a' * 3 * 10**7)[::-1] }}", "{{ ('a' * 3 * 10**7)|reverse }}", "{{ ('9' * 10**6)|int }}",
    "{{ " + String(repeating: "9", count: 1_000_000) + " }}",
    "{{ 0x" + String(repeating: "f", count: 1_000_000) + " }}",
    "{{ ('f' * 10**6)|int(0, 16) }}", "{{ 2 ** 14000 * 2 ** 14000 }}", "{{ (2 ** 14000) ** (2 ** 14000) }}",
    "{% set n = namespace(x=3) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "{% set n = namespace(x=3 ** 9000) %}{% for i in range(99999) %}{% for j in range(999) %}"
      + "{% set n.y = n.x % (n.x - j) %}{% endfor %}{% endfor %}",
    "{% for a in 'a' * 10**5 %}{% for b in range(10**5) %}{% endfor %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = '%s%s' % (n.x, n.x) %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = [n.x, n.x]|join %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x='{0}{0}') %}{% for i in range(99) %}{% set n.x = n.x.format(n.x) %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
  ])
  func giantsAreRefused(_ template: String) { #expect(code(template) == .limitExceeded) }

  /// By definition: what refers to itself without end stops at the depth limit.
  @Test(arguments: [
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
    "{% macro m(a=m()) %}{% endmacro %}{{ m() }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{% filter upper %}{{ a() }}{% endfilter %}{% endmacro %}{{ a() }}",
    "{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}",
  ])
  func recursionIsRefused(_ template: String) {
    #expect(code(template) == .limitExceeded)
  }

  /// By definition: shared parts that would be walked 2^200 times, and chains through objects, are refused as values.
  @Test(arguments: [
    "{% set n = namespace(x=[1]) %}{% for i in range(200) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x == n.x }}",
    "{% set n = namespace(x={}) %}{% for i in range(200) %}{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(g=[1]) %}{% for i in range(9999) %}{% set n.g = n.g|map('string') %}{% endfor %}",
    "{% set n = namespace(c=1) %}{% for i in range(9999) %}{% set n.c = cycler(n.c) %}{% endfor %}",
    "{% set n = namespace(c=1) %}{% for i in range(9999) %}{% set n.c = joiner(n.c) %}{% endfor %}",
    "{% set n = namespace(f=1) %}{% for i in range(9999) %}{% set n.f = [n.f].index %}{% endfor %}",
    "{% set n = namespace(l=1) %}{% for i in range(9999) %}{% for j in [n.l] %}{% set n.l = loop %}{% endfor %}{% endfor %}",
  ])
  func sharedAndChainedValuesAreRefused(_ template: String) { #expect(code(template) == .limitExceeded) }

  /// By definition: chains that the render itself must take apart do not overflow the stack.
  @Test(arguments: [
    "{% set n = namespace(l=1) %}{% for i in range(50000) %}{% for j in [1] %}{{ loop.changed(n.l) and '' }}"
      + "{% set n.l = loop %}{% endfor %}{% endfor %}ok",
    "{% set n = namespace(l=1) %}{% macro m(p) %}{% for i in [1] recursive %}{% set n.l = loop %}{% endfor %}"
      + "{% endmacro %}{% for i in range(50000) %}{{ m(n.l) }}{% endfor %}ok",
  ])
  func longChainsAreReleased(_ template: String) throws {
    #expect(try ChatTemplate(template).render(variables: []).hasSuffix("ok"))
  }

  /// By definition: a search that starts a match at every place takes time linear in the text.
  @Test func searchIsLinear() throws {
    let half = "('a' * 5 * 10**5 ~ 'b')"
    let template =
      "{{ ('a' * 10**6).find(\(half)) }} {{ ('a' * 10**6).rfind('b' ~ 'a' * 5 * 10**5) }} "
      + "{{ ('a' * 10**6).split(\(half))|length }} {{ (('a' * 10**6) ~ 'b').find(\(half)) }}"
    #expect(try ChatTemplate(template).render(variables: []) == "-1 -1 1 500000")
  }

  /// The sandbox of Jinja: no attribute of an internal, no mutation.
  @Test func sandboxHidesInternals() throws {
    #expect(try ChatTemplate("[{{ [].__class__ }}{{ range.__globals__ }}]").render(variables: []) == "[]")
    #expect(code("{{ ''.__class__.__mro__ }}") == .security)
    #expect(code("{{ messages.pop() }}") == .security)
  }
}
