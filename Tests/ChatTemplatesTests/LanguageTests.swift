import ChatTemplates
import TestSupport
import Testing

/// The whole language, in small snippets.
@Suite struct LanguageTests {
  /// What is refused, or differs, on purpose; `Documentation/ChatTemplates.md` says why.
  private static let refusals: [String: TemplateError.Code] = [
    #"{{ '\N{BULLET}' }}"#: .unsupported,
    "{% include 'x' %}": .unsupported,
    "{% import 'x' as y %}": .unsupported,
    "{% from 'x' import y %}": .unsupported,
    "{% extends 'x' %}": .unsupported,
    "{{ 'abc'.encode() }}": .undefinedValue,
    "{{ 'é'.encode('utf-8') }}": .undefinedValue,
    "{{ 'abc'.translate({97: 'x'}) }}": .undefinedValue,
    "{{ 'see http://x.org or www.y.com'|urlize }}": .unsupported,
    "{{ d|pprint }}": .unsupported,
    "{{ l|random is number }} {{ [5]|random }}": .unsupported,
    "{{ lipsum() is string }}": .undefinedValue,
    "{{ 1e400|int }}": .limitExceeded,
    "{{ 10**5000 }}": .limitExceeded,
  ]
  private static let differences = ["{{ self is defined }}", "{{ joiner is defined }} {{ cycler is defined }}"]

  /// `Scripts/record_template_golden.py`: transformers 5.24.0, jinja2 3.1.6, clock fixed at 2024-07-26 09:05:03.
  @Test func snippetsRenderAsJinjaDoes() throws {
    let fixture = try RecordedCases.fixture(named: "language.json")
    let variables = RecordedCases.pairs(fixture["variables"])
    let cases = RecordedCases.items(fixture["cases"])
    #expect(cases.count == 754)
    for item in cases {
      let fields = RecordedCases.items(item)
      let snippet = fields[0].text ?? ""
      let expected = fields.count == 2 ? fields[1].text : nil
      if Self.differences.contains(where: snippet.hasPrefix) { continue }
      do {
        let output = try ChatTemplate(snippet).render(variables: variables, clock: .fixed(1_721_984_703))
        #expect(RecordedCases.same(output, expected), "\(snippet)\n= \(output)\n! \(expected ?? fields[2].text ?? "")")
      } catch let error as TemplateError {
        let recorded = RecordedCases.codes(fields.count == 3 ? fields[2].text ?? "" : "")
        let codes = Self.refusals[snippet].map { [$0] } ?? recorded
        #expect(
          codes.contains(error.code), "\(snippet)\n= \(error.code) \(error)\n! \(expected ?? fields[2].text ?? "")")
      }
    }
  }
}
