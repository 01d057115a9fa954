import ChatTemplates
import TestSupport
import Testing

/// Templates with parts changed, cut, doubled and swapped: each is refused with an error of this module, or renders.
@Suite struct DamagedTemplateTests {
  private static let limits = TemplateLimits(outputBytes: 1 << 20, steps: 200_000)
  private static let scraps = [
    "{{", "}}", "{%", "%}", "{#", "#}", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "|", "~", "**", "-", "9",
    "99999999999",
    "0x", "1e999", " if ", " else ", "endif", " for ", " in ", "endfor", "recursive", "loop", "loop(messages)",
    "namespace",
    "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "{% set ns.x = ns %}", "{% for a in range(99999) %}",
    "* 10**9", "'a' * 10**7", "|tojson", "|map('upper')", "|sort", "[::-1]", "[10**30:]", ".format(1)", "%s", "\u{0}",
    "é",
    "is defined", "not ", "none", "messages", "raise_exception('x')", "{% generation %}", "{% endgeneration %}", "\n",
  ]

  private static let variables: [(String, TemplateValue)] = [
    ("messages", .list([.message(role: "user", content: "Hi {{ x }}"), .message(role: "assistant", content: "Yo")])),
    ("ns", .dictionary([("x", .int(1))])), ("tools", .none), ("bos_token", .string("<s>")),
    ("add_generation_prompt", .bool(true)),
  ]

  private static func isHandled(_ text: String) -> Bool {
    do {
      let output = try ChatTemplate(text, limits: limits).render(variables: variables, clock: .fixed(0))
      return output.utf8.count <= limits.outputBytes
    } catch { return error is TemplateError }
  }

  private static func damaged(_ text: String, _ random: inout SplitMix) -> String {
    var scalars = Array(text.unicodeScalars)
    for _ in 0..<1 + random.next(4) {
      let place = random.next(scalars.count + 1)
      let end = min(scalars.count, place + random.next(30))
      switch random.next(4) {
      case 0: scalars.removeSubrange(place..<end)
      case 1: scalars.insert(contentsOf: scalars[place..<end], at: random.next(scalars.count + 1))
      case 2: scalars.replaceSubrange(place..<end, with: scraps[random.next(scraps.count)].unicodeScalars)
      default: scalars.insert(contentsOf: scraps[random.next(scraps.count)].unicodeScalars, at: place)
      }
    }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: scalars)
    return String(result)
  }

  /// By definition, over the recorded snippets of the language.
  @Test func damagedSnippetsAreHandled() throws {
    let cases = RecordedCases.items(try RecordedCases.fixture(named: "language.json")["cases"])
    var random = SplitMix(state: 1)
    for item in cases {
      guard let snippet = RecordedCases.items(item).first?.text else { continue }
      for _ in 0..<3 {
        let text = Self.damaged(snippet, &random)
        #expect(Self.isHandled(text), "\(text)")
      }
    }
  }

  /// By definition, over the real templates.
  @Test(
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    .enabled(if: SharedData.hasZstd, "zstd is not installed"))
  func damagedTemplatesAreHandled() throws {
    var random = SplitMix(state: 2)
    for row in try ChatMatrix().rows {
      for _ in 0..<6 {
        let text = Self.damaged(row.template, &random)
        #expect(Self.isHandled(text), "\(row.name): \(text)")
      }
    }
  }
}
